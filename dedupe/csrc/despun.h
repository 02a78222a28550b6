/* Despun similarity: detect/despun.py, _count. */
#pragma once

#include "common.h"
#include "sets.h"
#include "lookup.h"

/* A hash of two class tokens that follow each other. */
static inline uint32_t join_codes(uint32_t one, uint32_t other)
{
    uint32_t mixed = one * 0x9E3779B1u;
    mixed = ((mixed ^ mixed >> 15) + other) * 0x85EBCA77u;
    return mixed ^ mixed >> 13;
}

/* The distinct shingles of so many tokens, ascending, into `sorted`, which has room for twice as many; their number. */
static Py_ssize_t collect_codes(const uint32_t *codes, int64_t tokens, uint32_t *sorted)
{
    Py_ssize_t count = tokens > 1 ? (Py_ssize_t)tokens - 1 : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        sorted[i] = join_codes(codes[i], codes[i + 1]);
    sort32(sorted, sorted + count, count);
    return drop_repeated(sorted, count, sorted);
}

/* How many of the indexed shingles so many tokens hold; the stamps tell what was met already: `pair` is another one each time. */
static int64_t count_codes(const Index *index, const uint32_t *codes, int64_t tokens, uint32_t *stamps, uint32_t pair)
{
    int64_t shared = 0;
    for (int64_t i = 0; i + 1 < tokens && index->count; i++) {
        uint32_t value = join_codes(codes[i], codes[i + 1]), bucket = value >> index->shift, place = index->starts[bucket];
        if (index->starts[bucket + 1] - place > 2) {
            Py_ssize_t found = look_up(index, value);
            if (found < 0)
                continue;
            place = (uint32_t)found;
        } else if (index->keys[place] != value) {
            place++;
            if (index->keys[place] != value || place >= index->count)
                continue;
        }
        shared += stamps[place] != pair;
        stamps[place] = pair;
    }
    return shared;
}

PyDoc_STRVAR(count_despun_doc, "count_despun(codes, documents, a, b, common, joined): fills for the rows a[i] and b[i] of tokens the numbers (int64) of the\n"
                               "shingles that both hold, and that one of them holds. Faster where many a[i] in a row are the same.");

static PyObject *count_despun(PyObject *module, PyObject *args)
{
    Py_buffer v[6] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]))
        return NULL;
    const uint32_t *codes = v[0].buf;
    const int64_t *documents = v[1].buf, *a = v[2].buf, *b = v[3].buf;
    int64_t *common = v[4].buf, *joined = v[5].buf, indexed = -1;
    Py_ssize_t rows = COUNT(v[1], int64_t) - 1, pairs = COUNT(v[2], int64_t), tokens = COUNT(v[0], uint32_t);
    int fits = rows >= 0 && pairs < UINT32_MAX - 1;
    for (int i = 3; i < 6; i++)
        fits &= COUNT(v[i], int64_t) == pairs;
    if (!fits)
        return finish(v, 6, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    Index index = {0};
    uint32_t *stamps = NULL, *spare = NULL, *sizes = calloc((size_t)rows + 1, sizeof *sizes); /* of sets, and one more */
    int64_t room = 0;
    error = sizes ? NULL : NO_MEMORY;
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (!is_row(documents, rows, tokens, a[i]) || !is_row(documents, rows, tokens, b[i])) {
            error = BAD_OFFSETS;
            break;
        }
        const uint32_t *left = codes + documents[a[i]], *right = codes + documents[b[i]];
        int64_t size_a = documents[a[i] + 1] - documents[a[i]], size_b = documents[b[i] + 1] - documents[b[i]];
        int64_t most = size_a > size_b ? size_a : size_b;
        if (most + 2 > room) {
            room = 2 * most + 64;
            free(spare);
            free(stamps);
            spare = malloc(2 * (size_t)room * sizeof *spare);
            stamps = calloc((size_t)room, sizeof *stamps);
        }
        if (!spare || !stamps || most > UINT32_MAX - 2) {
            error = NO_MEMORY;
            break;
        }
        if (indexed != a[i]) {
            Py_ssize_t count = collect_codes(left, size_a, spare);
            if (!open_index(&index, count)) {
                error = NO_MEMORY;
                break;
            }
            memcpy(index.keys, spare, (size_t)count * sizeof *spare);
            fill_starts(&index);
            sizes[a[i]] = 1 + (uint32_t)count;
            indexed = a[i];
        }
        if (!sizes[b[i]])
            sizes[b[i]] = 1 + (uint32_t)collect_codes(right, size_b, spare);
        common[i] = count_codes(&index, right, size_b, stamps, (uint32_t)i + 1);
        joined[i] = index.count + (int64_t)sizes[b[i]] - 1 - common[i];
    }
    free_index(&index);
    free(stamps);
    free(sizes);
    free(spare);
    Py_END_ALLOW_THREADS
    return finish(v, 6, pairs, error);
}
