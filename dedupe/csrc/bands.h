/* Bands: detect/lsh.py, band_keys. */
#pragma once

#include "common.h"

PyDoc_STRVAR(band_keys_doc, "band_keys(signatures, columns, first, rows, band, keys): fills one uint64 key a row of signatures (uint32) from their\n"
                            "columns `first` to `first + rows`.");

static PyObject *band_keys(PyObject *module, PyObject *args)
{
    Py_buffer v[2] = {{0}};
    Py_ssize_t columns, first, rows;
    unsigned long long band;
    if (!PyArg_ParseTuple(args, "y*nnnKw*", &v[0], &columns, &first, &rows, &band, &v[1]))
        return NULL;
    const uint32_t *signatures = v[0].buf;
    uint64_t *keys = v[1].buf;
    Py_ssize_t count = COUNT(v[1], uint64_t);
    if (columns < 1 || first < 0 || rows < 0 || rows > columns || first > columns - rows || COUNT(v[0], uint32_t) / columns < count)
        return finish(v, 2, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t d = 0; d < count; d++) {
        uint64_t key = band;
        for (Py_ssize_t k = 0; k < rows; k++)
            key = mix64((key ^ signatures[d * columns + first + k]) + 0x9E3779B97F4A7C15u);
        keys[d] = key;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 2, count, NULL);
}

PyDoc_STRVAR(count_equal_doc, "count_equal(signatures, columns, a, b, equal): in how many of the columns each two rows a[i], b[i] agree; all but the\n"
                              "signatures (uint32) int64.");

FOR_EACH_CPU static int64_t count_equal_values(const uint32_t *one, const uint32_t *other, Py_ssize_t count)
{
    uint32_t equal = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        equal += one[k] == other[k];
    return equal;
}

static PyObject *count_equal(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    Py_ssize_t columns;
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*ny*y*w*", &v[0], &columns, &v[1], &v[2], &v[3]))
        return NULL;
    const uint32_t *signatures = v[0].buf;
    const int64_t *a = v[1].buf, *b = v[2].buf;
    int64_t *equal = v[3].buf;
    Py_ssize_t pairs = COUNT(v[1], int64_t);
    if (columns < 1 || COUNT(v[2], int64_t) != pairs || COUNT(v[3], int64_t) != pairs)
        return finish(v, 4, 0, BAD_SIZES);
    const Py_ssize_t rows = COUNT(v[0], uint32_t) / columns;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (a[i] < 0 || a[i] >= rows || b[i] < 0 || b[i] >= rows)
            error = BAD_OFFSETS;
        else
            equal[i] = count_equal_values(signatures + a[i] * columns, signatures + b[i] * columns, columns);
    }
    Py_END_ALLOW_THREADS
    return finish(v, 4, pairs, error);
}
