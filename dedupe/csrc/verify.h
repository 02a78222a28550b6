/* Verification: detect/verify.py, count_shared. */
#pragma once

#include "common.h"
#include "lookup.h"

#define UNEVEN 32 /* times as large as the other: then the smaller set is looked up */

typedef struct {
    const uint8_t *table; /* by the upper bits of a hash: whether it may be left out */
    const uint32_t *hashes;
    Py_ssize_t count;
    int shift;
} LeftOut;

static int is_left_out(const LeftOut *out, uint32_t hash)
{
    if (!out->table[hash >> out->shift])
        return 0;
    Py_ssize_t low = bisect(out->hashes, 0, out->count, hash);
    return low < out->count && out->hashes[low] == hash;
}

/* Where the first value of at least `value` stands, from `low` on: steps that double, then bisection. */
static Py_ssize_t gallop(const uint32_t *values, Py_ssize_t low, Py_ssize_t count, uint32_t value)
{
    Py_ssize_t step = 1, high = low;
    while (high < count && values[high] < value) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    return bisect(values, low, high < count ? high : count, value);
}

/* How many values two ascending sets share; and of those, into `own`, how many are not left out. */
static int64_t count_common(const uint32_t *a, Py_ssize_t size_a, const uint32_t *b, Py_ssize_t size_b, const LeftOut *out, int64_t *own)
{
    int64_t shared = 0, omitted = 0;
    if (size_a > size_b)
        return count_common(b, size_b, a, size_a, out, own);
    if (size_b > UNEVEN * size_a) {
        for (Py_ssize_t i = 0, j = 0; i < size_a; i++) {
            j = gallop(b, j, size_b, a[i]);
            if (j < size_b && b[j] == a[i]) {
                shared++;
                omitted += out->table && is_left_out(out, a[i]);
            }
        }
    } else if (!out->table) {
        for (Py_ssize_t i = 0, j = 0; i < size_a && j < size_b;) {
            uint32_t x = a[i], y = b[j];
            shared += x == y;
            i += x <= y;
            j += y <= x;
        }
    } else {
        for (Py_ssize_t i = 0, j = 0; i < size_a && j < size_b;) {
            uint32_t x = a[i], y = b[j];
            if (x == y) {
                shared++;
                omitted += is_left_out(out, x);
            }
            i += x <= y;
            j += y <= x;
        }
    }
    *own = shared - omitted;
    return shared;
}

/* The same, one set being indexed, with which of its values are not left out. No step depends on the one before. */
static int64_t count_indexed(const Index *index, const uint8_t *kept, const uint32_t *values, Py_ssize_t count, int64_t *own)
{
    const uint32_t *keys = index->keys, *starts = index->starts;
    int64_t shared = 0, rest = 0;
    for (Py_ssize_t i = 0; i < count && index->count; i++) {
        uint32_t value = values[i], bucket = value >> index->shift, place = starts[bucket];
        uint32_t first = keys[place] == value, second = keys[place + 1] == value;
        if (starts[bucket + 1] - place > 2) {
            Py_ssize_t found = look_up(index, value);
            first = found >= 0;
            second = 0;
            place = first ? (uint32_t)found : place;
        }
        shared += first | second;
        rest += (first & kept[place]) | (second & kept[place + 1]);
    }
    *own = rest;
    return shared;
}

PyDoc_STRVAR(count_doc, "count_shared(hashes, offsets, a, b, table, left_out, shared, own): fills how many hashes rows a[i] and b[i] share (int64),\n"
                        "and how many of those are not left out. Faster where many a[i] in a row are the same.\n\n"
                        "left_out: uint32, ascending, hashes that do not count; table: bytes, a power of two of them, 1 where a hash\n"
                        "of these upper bits is among them; empty for none.");

static PyObject *count_shared(PyObject *module, PyObject *args)
{
    Py_buffer v[8] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *offsets = v[1].buf, *a = v[2].buf, *b = v[3].buf;
    int64_t *shared = v[6].buf, *own = v[7].buf, indexed = -1;
    Py_ssize_t rows = COUNT(v[1], int64_t) - 1, pairs = COUNT(v[2], int64_t);
    LeftOut out = {v[4].len ? v[4].buf : NULL, v[5].buf, COUNT(v[5], uint32_t), 32};
    for (Py_ssize_t size = v[4].len; size > 1; size >>= 1)
        out.shift--;
    if (rows < 0 || COUNT(v[3], int64_t) != pairs || COUNT(v[6], int64_t) != pairs || COUNT(v[7], int64_t) != pairs || out.shift < 1
        || out.shift > 31 + !v[4].len || (v[4].len && v[4].len != (Py_ssize_t)1 << (32 - out.shift)))
        return finish(v, 8, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    Index index = {0};
    uint8_t *kept = NULL;
    Py_ssize_t room = 0;
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (!is_row(offsets, rows, COUNT(v[0], uint32_t), a[i]) || !is_row(offsets, rows, COUNT(v[0], uint32_t), b[i])) {
            error = BAD_OFFSETS;
            break;
        }
        const uint32_t *left = hashes + offsets[a[i]], *right = hashes + offsets[b[i]];
        Py_ssize_t size_a = (Py_ssize_t)(offsets[a[i] + 1] - offsets[a[i]]), size_b = (Py_ssize_t)(offsets[b[i] + 1] - offsets[b[i]]);
        if (indexed != a[i] && i + 1 < pairs && a[i + 1] == a[i] && size_a < UINT32_MAX - 2) {
            indexed = a[i];
            if (size_a + 2 > room) {
                free(kept);
                room = 2 * size_a + 64;
                kept = malloc((size_t)room);
            }
            if (!kept || !open_index(&index, size_a)) {
                error = NO_MEMORY;
                break;
            }
            memcpy(index.keys, left, (size_t)size_a * sizeof *left);
            fill_starts(&index);
            for (Py_ssize_t j = 0; j < size_a; j++)
                kept[j] = !out.table || !is_left_out(&out, left[j]);
            kept[size_a] = kept[size_a + 1] = size_a ? kept[size_a - 1] : 0; /* beside the keys behind the last */
        }
        if (indexed == a[i] && size_b <= UNEVEN * size_a)
            shared[i] = count_indexed(&index, kept, right, size_b, &own[i]);
        else
            shared[i] = count_common(left, size_a, right, size_b, &out, &own[i]);
    }
    free_index(&index);
    free(kept);
    Py_END_ALLOW_THREADS
    return finish(v, 8, pairs, error);
}
