/* Stories: detect/stories.py, _Index. */
#pragma once

#include "common.h"
#include "terms.h"
#include "columns.h"

/* The weighted terms of texts, as `_Index` has them. */
typedef struct {
    const uint32_t *codes;
    const int64_t *offsets;
    const uint8_t *naming, *numeric; /* by place, by code */
    Py_ssize_t texts, terms;
} TermIndex;

/* From codes, offsets, naming, numeric. */
static const char *make_term_index(const Py_buffer *v, TermIndex *index)
{
    *index = (TermIndex){v[0].buf, v[1].buf, v[2].buf, v[3].buf, COUNT(v[1], int64_t) - 1, v[3].len};
    Py_ssize_t places = COUNT(v[0], uint32_t);
    if (v[2].len != places)
        return BAD_SIZES;
    return are_offsets(index->offsets, index->texts + 1, places) ? NULL : BAD_OFFSETS;
}

/* The next code that both texts hold, and where it stands in each; 0 at the end. */
static inline int next_common(const TermIndex *index, int64_t *i, int64_t last_i, int64_t *j, int64_t last_j)
{
    while (*i < last_i && *j < last_j) {
        uint32_t x = index->codes[*i], y = index->codes[*j];
        if (x == y)
            return 1;
        *i += x < y;
        *j += y < x;
    }
    return 0;
}

#define SUMS 5 /* of a pair: squares of all shared terms, of names, of numbers; weights of numbers, of names */

PyDoc_STRVAR(compare_terms_doc, "compare_terms(codes, offsets, naming, numeric, weights, squares, a, b, sums): fills five sums (float64) over the terms that\n"
                                "texts a[i] and b[i] share: the squares of all, of names, of numbers, the weights of numbers, of names.");

static PyObject *compare_terms(PyObject *module, PyObject *args)
{
    Py_buffer v[9] = {{0}};
    TermIndex index;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]))
        return NULL;
    const double *weights = v[4].buf, *squares = v[5].buf;
    const int64_t *a = v[6].buf, *b = v[7].buf;
    double *sums = v[8].buf;
    Py_ssize_t pairs = COUNT(v[6], int64_t);
    const char *error = make_term_index(v, &index);
    if (!error && (COUNT(v[4], double) != index.terms || COUNT(v[5], double) != index.terms || COUNT(v[7], int64_t) != pairs || COUNT(v[8], double) != SUMS * pairs))
        error = BAD_SIZES;
    Py_BEGIN_ALLOW_THREADS
    if (!error && (!are_rows(a, pairs, index.texts) || !are_rows(b, pairs, index.texts)))
        error = BAD_OFFSETS;
    for (Py_ssize_t p = 0; p < pairs && !error; p++) {
        double sum[SUMS] = {0};
        int64_t i = index.offsets[a[p]], j = index.offsets[b[p]];
        for (; next_common(&index, &i, index.offsets[a[p] + 1], &j, index.offsets[b[p] + 1]); i++, j++) {
            uint32_t code = index.codes[i];
            if (code >= index.terms) {
                error = BAD_OFFSETS;
                break;
            }
            sum[0] += squares[code];
            if (index.naming[i] & index.naming[j]) {
                sum[1] += squares[code];
                sum[4] += weights[code];
            }
            if (index.numeric[code]) {
                sum[2] += squares[code];
                sum[3] += weights[code];
            }
        }
        memcpy(sums + SUMS * p, sum, sizeof sum);
    }
    Py_END_ALLOW_THREADS
    return finish(v, 9, pairs, error);
}

/* The occurrences of names and numbers of texts. */
typedef struct {
    const uint32_t *sightings, *contexts;
    const int64_t *bounds;
} Sightings;

/* The terms that `text` has in words of its own. */
static int gather_own(const Sightings *seen, int64_t text, int64_t other, HashSet *contexts, Grown *room, HashSet *own, Grown *own_room)
{
    const int64_t first = seen->bounds[text], last = seen->bounds[text + 1], from = seen->bounds[other], to = seen->bounds[other + 1];
    if (!clear_set(contexts, room, to - from) || !clear_set(own, own_room, last - first))
        return 0;
    for (int64_t i = from; i < to; i++)
        add_hash(contexts, seen->contexts[i]);
    for (int64_t i = first; i < last; i++)
        if (!holds(contexts, seen->contexts[i]))
            add_hash(own, seen->sightings[i]);
    return 1;
}

PyDoc_STRVAR(find_evidence_doc, "find_evidence(codes, offsets, naming, numeric, hashes, sightings, contexts, bounds, a, b, counts): the codes of the names and\n"
                                "numbers that texts a[i] and b[i] share and both found out (a bytearray of uint32), and how many each pair has (int64).");

static PyObject *find_evidence(PyObject *module, PyObject *args)
{
    Py_buffer v[11] = {{0}};
    TermIndex index;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10]))
        return NULL;
    const uint32_t *hashes = v[4].buf;
    const Sightings seen = {v[5].buf, v[6].buf, v[7].buf};
    const int64_t *a = v[8].buf, *b = v[9].buf;
    int64_t *counts = v[10].buf;
    Py_ssize_t pairs = COUNT(v[8], int64_t);
    const char *error = make_term_index(v, &index);
    if (!error && (COUNT(v[4], uint32_t) != index.terms || v[5].len != v[6].len || COUNT(v[7], int64_t) != index.texts + 1 || v[9].len != v[8].len || v[10].len != v[8].len))
        error = BAD_SIZES;
    Grown found = {0}, room[3] = {{0}};
    HashSet contexts, ours, theirs;
    Py_BEGIN_ALLOW_THREADS
    if (!error && (!are_rows(a, pairs, index.texts) || !are_rows(b, pairs, index.texts) || !are_offsets(seen.bounds, index.texts + 1, COUNT(v[5], uint32_t))))
        error = BAD_OFFSETS;
    for (Py_ssize_t p = 0; p < pairs && !error; p++) {
        int64_t i = index.offsets[a[p]], j = index.offsets[b[p]];
        counts[p] = 0;
        if (!gather_own(&seen, a[p], b[p], &contexts, &room[0], &ours, &room[1]) || !gather_own(&seen, b[p], a[p], &contexts, &room[0], &theirs, &room[2]))
            error = NO_MEMORY;
        for (; !error && next_common(&index, &i, index.offsets[a[p] + 1], &j, index.offsets[b[p] + 1]); i++, j++) {
            uint32_t code = index.codes[i];
            if (code >= index.terms) {
                error = BAD_OFFSETS;
                break;
            }
            if (!index.numeric[code] && !(index.naming[i] && index.naming[j]))
                continue;
            if (!holds(&ours, hashes[code]) || !holds(&theirs, hashes[code]))
                continue;
            uint32_t *place = grow(&found, sizeof *place);
            if (!place) {
                error = NO_MEMORY;
                break;
            }
            *place = code;
            counts[p]++;
        }
    }
    Py_END_ALLOW_THREADS
    PyObject *result = error ? NULL : bytearray_of(found.data, (int64_t)found.used);
    free(found.data);
    for (int i = 0; i < 3; i++)
        free(room[i].data);
    Py_XDECREF(finish(v, 11, 0, error));
    return result;
}

PyDoc_STRVAR(weigh_texts_doc, "weigh_texts(codes, offsets, cased, named, rare, numeric, squares, naming, norms): fills whether each term of each text counts as a\n"
                              "name there (bytes), and the sums of the squares of all its terms, of those that do, of its numbers (float64, 3 a text).");

static PyObject *weigh_texts(PyObject *module, PyObject *args)
{
    Py_buffer v[9] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]))
        return NULL;
    const uint32_t *codes = v[0].buf;
    const int64_t *offsets = v[1].buf;
    const uint8_t *cased = v[2].buf, *named = v[3].buf, *rare = v[4].buf, *numeric = v[5].buf;
    const double *squares = v[6].buf;
    uint8_t *naming = v[7].buf;
    double *norms = v[8].buf;
    Py_ssize_t places = COUNT(v[0], uint32_t), texts = COUNT(v[1], int64_t) - 1, terms = COUNT(v[6], double);
    if (texts < 0 || v[2].len != texts || v[3].len != terms || v[4].len != terms || v[5].len != terms || v[7].len != places || COUNT(v[8], double) != 3 * texts)
        return finish(v, 9, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(offsets, texts + 1, places))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < places && !error; i++)
        error = codes[i] < terms ? NULL : BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        double all = 0, names = 0, numbers = 0;
        for (int64_t i = offsets[d]; i < offsets[d + 1]; i++) {
            const uint32_t code = codes[i];
            naming[i] = named[code] || (rare[code] && !cased[d]);
            all += squares[code];
            names += naming[i] ? squares[code] : 0;
            numbers += numeric[code] ? squares[code] : 0;
        }
        norms[3 * d] = all, norms[3 * d + 1] = names, norms[3 * d + 2] = numbers;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 9, texts, error);
}
