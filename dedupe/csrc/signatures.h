/* Signatures: detect/minhash.py, sign_sets. */
#pragma once

#include "common.h"

/* count: a multiple of LANES. Four permutations at a time share the loads. */
FOR_EACH_CPU static void sign_set(const uint32_t *mixed, Py_ssize_t count, const uint32_t *a, const uint32_t *b, uint32_t *out)
{
    uint32_t least0 = ~0u, least1 = ~0u, least2 = ~0u, least3 = ~0u;
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t x = mixed[i];
        uint32_t y0 = a[0] * x + b[0], y1 = a[1] * x + b[1], y2 = a[2] * x + b[2], y3 = a[3] * x + b[3];
        least0 = y0 < least0 ? y0 : least0;
        least1 = y1 < least1 ? y1 : least1;
        least2 = y2 < least2 ? y2 : least2;
        least3 = y3 < least3 ? y3 : least3;
    }
    out[0] = least0, out[1] = least1, out[2] = least2, out[3] = least3;
}

FOR_EACH_CPU static void fmix32(const uint32_t *hashes, Py_ssize_t count, uint32_t *mixed)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t x = hashes[i];
        x = (x ^ x >> 16) * 0x85EBCA6Bu;
        x = (x ^ x >> 13) * 0xC2B2AE35u;
        mixed[i] = x ^ x >> 16;
    }
}

/* The signature of a set; `mixed` has room for LANES more numbers than there are. permutations: a multiple of 4. */
static void sign_row(const uint32_t *hashes, Py_ssize_t count, const uint32_t *a, const uint32_t *b, Py_ssize_t permutations, uint32_t *mixed, uint32_t *row)
{
    if (!count) {
        memset(row, 0xFF, (size_t)permutations * sizeof *row);
        return;
    }
    fmix32(hashes, count, mixed);
    for (; count % LANES; count++)
        mixed[count] = mixed[0]; /* once more: the least stays the least */
    for (Py_ssize_t k = 0; k < permutations; k += 4)
        sign_set(mixed, count, a + k, b + k, row + k);
}

PyDoc_STRVAR(sign_doc, "sign(hashes, offsets, a, b, signatures): fills the affine32 signature of each set hashes[offsets[d]:offsets[d + 1]].\n\n"
                       "a, b: uint32, as many as permutations, which must be a multiple of 4.");

static PyObject *sign(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4]))
        return NULL;
    const uint32_t *hashes = v[0].buf, *a = v[2].buf, *b = v[3].buf;
    const int64_t *offsets = v[1].buf;
    uint32_t *signatures = v[4].buf;
    Py_ssize_t texts = COUNT(v[1], int64_t) - 1, permutations = COUNT(v[2], uint32_t);
    if (COUNT(v[3], uint32_t) != permutations || permutations % 4 || texts < 0 || COUNT(v[4], uint32_t) != texts * permutations)
        return finish(v, 5, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t most = 0;
    if (!are_offsets(offsets, texts + 1, COUNT(v[0], uint32_t)))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++)
        most = offsets[d + 1] - offsets[d] > most ? offsets[d + 1] - offsets[d] : most;
    uint32_t *mixed = error ? NULL : malloc(((size_t)most + LANES) * sizeof *mixed);
    if (!error && !mixed)
        error = NO_MEMORY;
    for (Py_ssize_t d = 0; d < texts && !error; d++)
        sign_row(hashes + offsets[d], (Py_ssize_t)(offsets[d + 1] - offsets[d]), a, b, permutations, mixed, signatures + d * permutations);
    free(mixed);
    Py_END_ALLOW_THREADS
    return finish(v, 5, texts, error);
}
