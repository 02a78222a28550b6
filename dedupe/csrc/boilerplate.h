/* Hashes that many texts hold: detect/boilerplate.py, _find_repeated. */
#pragma once

#include "common.h"

PyDoc_STRVAR(frequent_doc, "frequent(hashes, part, bits, most): those hashes (uint32) with the number `part` in their upper bits that may stand there\n"
                           "more than `most` times, in their order: a bytearray. All that do are among them.");

static PyObject *frequent(PyObject *module, PyObject *args)
{
    Py_buffer v[1] = {{0}};
    const char *error = NULL;
    Py_ssize_t part, bits, most;
    if (!PyArg_ParseTuple(args, "y*nnn", &v[0], &part, &bits, &most))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    Py_ssize_t total = COUNT(v[0], uint32_t), kept = 0, room = 0;
    if (bits < 0 || bits > 8 || part < 0 || part >> bits)
        return finish(v, 1, 0, BAD_SIZES);
    uint32_t *found = NULL;
    Py_BEGIN_ALLOW_THREADS
    int shift = 31 - (int)bits; /* what is left of a hash, less the upper bits, says where it is counted: 2^24 places at most */
    while (shift > 0 && 32 - (int)bits - shift < 24 && (Py_ssize_t)2 << (32 - (int)bits - shift) < total)
        shift--;
    const uint32_t mask = (uint32_t)(((uint64_t)1 << (32 - (int)bits - shift)) - 1);
    const uint8_t limit = (uint8_t)(most < 0 ? 0 : most > 254 ? 254 : most);
    uint8_t *counts = calloc((size_t)mask + 1, 1);
    error = counts ? NULL : NO_MEMORY;
    for (Py_ssize_t i = 0; i < total && !error; i++)
        if ((uint64_t)hashes[i] >> (32 - bits) == (uint64_t)part) {
            uint8_t *count = &counts[hashes[i] >> shift & mask];
            *count = (uint8_t)(*count + (*count < 255));
        }
    for (Py_ssize_t i = 0; i < total && !error; i++) {
        if ((uint64_t)hashes[i] >> (32 - bits) != (uint64_t)part || counts[hashes[i] >> shift & mask] <= limit)
            continue;
        if (kept == room) {
            room = 2 * room + 4096;
            uint32_t *more = realloc(found, (size_t)room * sizeof *found);
            if (!more) {
                error = NO_MEMORY;
                break;
            }
            found = more;
        }
        found[kept++] = hashes[i];
    }
    free(counts);
    Py_END_ALLOW_THREADS
    PyObject *result = error ? NULL : bytearray_of(found ? (void *)found : "", kept * (int64_t)sizeof *found);
    free(found);
    Py_XDECREF(finish(v, 1, 0, error));
    return result;
}
