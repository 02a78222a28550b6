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

FOR_EACH_CPU static int64_t count_equal32(const uint32_t *one, const uint32_t *other, Py_ssize_t count)
{
    uint32_t equal = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        equal += one[k] == other[k];
    return equal;
}

FOR_EACH_CPU static int64_t count_equal16(const uint16_t *one, const uint16_t *other, Py_ssize_t count)
{
    uint32_t equal = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        equal += one[k] == other[k];
    return equal;
}

FOR_EACH_CPU static int64_t count_equal8(const uint8_t *one, const uint8_t *other, Py_ssize_t count)
{
    uint32_t equal = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        equal += one[k] == other[k];
    return equal;
}

PyDoc_STRVAR(count_equal_doc, "count_equal(ours, theirs, width, columns, a, b, equal): in how many of so many columns of values of 1, 2 or 4 bytes each two rows\n"
                              "ours[a[i]], theirs[b[i]] agree; a, b, equal: int64.");

static PyObject *count_equal(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    Py_ssize_t width, columns;
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*nny*y*w*", &v[0], &v[1], &width, &columns, &v[2], &v[3], &v[4]))
        return NULL;
    const uint8_t *ours = v[0].buf, *theirs = v[1].buf;
    const int64_t *a = v[2].buf, *b = v[3].buf;
    int64_t *equal = v[4].buf;
    Py_ssize_t pairs = COUNT(v[2], int64_t);
    if ((width != 1 && width != 2 && width != 4) || columns < 1 || columns > PY_SSIZE_T_MAX / 4 || COUNT(v[3], int64_t) != pairs
        || COUNT(v[4], int64_t) != pairs)
        return finish(v, 5, 0, BAD_SIZES);
    const int64_t size = width * columns, our_rows = v[0].len / size, their_rows = v[1].len / size;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (a[i] < 0 || a[i] >= our_rows || b[i] < 0 || b[i] >= their_rows) {
            error = BAD_OFFSETS;
            break;
        }
        const uint8_t *one = ours + a[i] * size, *other = theirs + b[i] * size;
        if (width == 4)
            equal[i] = count_equal32((const uint32_t *)one, (const uint32_t *)other, columns);
        else if (width == 2)
            equal[i] = count_equal16((const uint16_t *)one, (const uint16_t *)other, columns);
        else
            equal[i] = count_equal8(one, other, columns);
    }
    Py_END_ALLOW_THREADS
    return finish(v, 5, pairs, error);
}
