/* Fingerprints: detect/fingerprints.py, winnow_shingles. */
#pragma once

#include "common.h"
#include "sets.h"

FOR_EACH_CPU static void least_of_pairs(uint64_t *values, Py_ssize_t count, Py_ssize_t step)
{
    for (Py_ssize_t i = 0; i < count; i++)
        values[i] = values[i + step] < values[i] ? values[i + step] : values[i];
}

PyDoc_STRVAR(winnow_doc, "winnow(hashes, counts, steps, window, prints, offsets): fills the fingerprints (uint32) and where each text's begin\n"
                         "(int64); gives back how many there are. steps: int64, the shingles that make up a gram.");

static PyObject *winnow(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    const char *error = NULL;
    Py_ssize_t window;
    if (!PyArg_ParseTuple(args, "y*y*y*nw*w*", &v[0], &v[1], &v[2], &window, &v[3], &v[4]))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *counts = v[1].buf, *steps = v[2].buf;
    uint32_t *prints = v[3].buf;
    int64_t *offsets = v[4].buf;
    Py_ssize_t texts = COUNT(v[1], int64_t), parts = COUNT(v[2], int64_t), total = COUNT(v[0], uint32_t), kept = 0;
    if (COUNT(v[3], uint32_t) < total || COUNT(v[4], int64_t) != texts + 1 || window < 1 || parts < 1)
        return finish(v, 5, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t most = 0, sum = 0, begin = 0, reach = steps[parts - 1];
    if (!are_offsets(steps, parts, INT32_MAX))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        most = counts[d] > most ? counts[d] : most;
        if (counts[d] < 0 || counts[d] > total - sum)
            error = BAD_OFFSETS;
        else
            sum += counts[d];
    }
    uint64_t *grams = error ? NULL : malloc(((size_t)most + 1) * sizeof *grams);
    uint32_t *chosen = error ? NULL : malloc((2 * (size_t)most + 2) * sizeof *chosen);
    if (!error && (!grams || !chosen))
        error = NO_MEMORY;
    offsets[0] = 0;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        Py_ssize_t length = counts[d] > reach ? (Py_ssize_t)(counts[d] - reach) : 0, found = 0;
        for (Py_ssize_t i = 0; i < length; i++) {
            uint64_t code = 0;
            for (Py_ssize_t s = 0; s < parts; s++)
                code = mix64((code ^ hashes[begin + i + steps[s]]) + 0x9E3779B97F4A7C15u);
            /* the place makes equal grams differ: the first of them is the least */
            grams[i] = code >> 32 << 32 | (uint64_t)i;
        }
        Py_ssize_t reached = window < length ? window : length, windows = length ? length - reached + 1 : 0;
        for (Py_ssize_t size = 1; size < reached;) {
            Py_ssize_t step = size < reached - size ? size : reached - size;
            size += step;
            least_of_pairs(grams, length - size + 1, step);
        }
        for (Py_ssize_t i = 0; i < windows; i++)
            if (!i || grams[i] != grams[i - 1])
                chosen[found++] = (uint32_t)(grams[i] >> 32);
        sort32(chosen, chosen + found, found);
        kept += drop_repeated(chosen, found, prints + kept);
        begin += counts[d];
        offsets[d + 1] = kept;
    }
    free(grams);
    free(chosen);
    Py_END_ALLOW_THREADS
    return finish(v, 5, kept, error);
}
