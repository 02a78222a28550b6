/* Rows and their values: detect/columns.py. */
#pragma once

#include "common.h"

/* Whether each of these is the number of a row. */
static int are_rows(const int64_t *rows, Py_ssize_t count, Py_ssize_t limit)
{
    for (Py_ssize_t i = 0; i < count; i++)
        if (rows[i] < 0 || rows[i] >= limit)
            return 0;
    return 1;
}

PyDoc_STRVAR(take_rows_doc, "take_rows(values, size, offsets, rows, taken): copies the values, of so many bytes each, of some rows one after the other.");

static PyObject *take_rows(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y*ny*y*w*", &v[0], &size, &v[1], &v[2], &v[3]))
        return NULL;
    const uint8_t *values = v[0].buf;
    const int64_t *offsets = v[1].buf, *rows = v[2].buf;
    uint8_t *taken = v[3].buf;
    Py_ssize_t count = COUNT(v[2], int64_t), limit = COUNT(v[1], int64_t) - 1, done = 0;
    if (size < 1 || size > 64)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(offsets, limit + 1, v[0].len / size) || !are_rows(rows, count, limit))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < count && !error; i++) {
        const Py_ssize_t bytes = (Py_ssize_t)(offsets[rows[i] + 1] - offsets[rows[i]]) * size;
        if (bytes > v[3].len - done) {
            error = BAD_SIZES;
            break;
        }
        memcpy(taken + done, values + offsets[rows[i]] * size, (size_t)bytes);
        done += bytes;
    }
    if (!error && done != v[3].len)
        error = BAD_SIZES;
    Py_END_ALLOW_THREADS
    return finish(v, 4, done / size, error);
}

/* How often a value was met, and in which row last; `row` counts from 1, 0 for a slot that is free. */
typedef struct {
    uint32_t value, count;
    int64_t row;
} Met;

/* The slot of a value, or the free one where it would stand. */
static Met *find_met(Met *slots, int bits, uint32_t value)
{
    size_t slot = (size_t)(value * P1) >> (32 - bits);
    while (slots[slot].row && slots[slot].value != value)
        slot = (slot + 1) & (((size_t)1 << bits) - 1);
    return slots + slot;
}

/* Twice the slots; 0 if there is no memory. */
static int double_slots(Met **slots, int *bits)
{
    Met *wider = calloc((size_t)2 << *bits, sizeof *wider);
    if (!wider)
        return 0;
    for (size_t i = 0; i < (size_t)1 << *bits; i++)
        if ((*slots)[i].row)
            *find_met(wider, *bits + 1, (*slots)[i].value) = (*slots)[i];
    free(*slots);
    *slots = wider;
    ++*bits;
    return 1;
}

PyDoc_STRVAR(spread_doc, "spread(values, offsets, least, flags): sets the flags (bytes, zeros) of the values (uint32) that so many rows hold at least,\n"
                         "from 1 to 255; gives back how many are flagged.");

/* Most values are rare, and a small table of counts, which values share, tells so; only the others are counted one by one. */
static PyObject *spread(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    const char *error = NULL;
    Py_ssize_t least;
    if (!PyArg_ParseTuple(args, "y*y*nw*", &v[0], &v[1], &least, &v[2]))
        return NULL;
    const uint32_t *values = v[0].buf;
    const int64_t *offsets = v[1].buf;
    uint8_t *flags = v[2].buf;
    Py_ssize_t count = COUNT(v[0], uint32_t), rows = COUNT(v[1], int64_t) - 1, found = 0;
    if (least < 1 || least > 255 || v[2].len != count || rows < 0)
        return finish(v, 3, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int wide = 12, bits = 8;
    while (wide < 24 && (Py_ssize_t)1 << wide < 2 * count)
        wide++;
    uint8_t *counts = calloc((size_t)1 << wide, 1);
    Met *slots = calloc((size_t)1 << bits, sizeof *slots);
    size_t used = 0;
    if (!counts || !slots)
        error = NO_MEMORY;
    else if (!are_offsets(offsets, rows + 1, count) || offsets[0] || offsets[rows] != count)
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < count && !error; i++) {
        uint8_t *shared = &counts[values[i] * P1 >> (32 - wide)];
        *shared += *shared < least;
    }
    for (Py_ssize_t row = 0; row < rows && !error; row++)
        for (Py_ssize_t i = (Py_ssize_t)offsets[row]; i < offsets[row + 1]; i++) {
            if (counts[values[i] * P1 >> (32 - wide)] < least)
                continue;
            Met *met = find_met(slots, bits, values[i]);
            if (met->row == row + 1)
                continue;
            if (!met->row && 2 * ++used > (size_t)1 << bits) {
                if (bits == 31 || !double_slots(&slots, &bits)) {
                    error = NO_MEMORY;
                    break;
                }
                met = find_met(slots, bits, values[i]);
            }
            met->value = values[i];
            met->count += met->count < least;
            met->row = row + 1;
        }
    for (Py_ssize_t i = 0; i < count && !error; i++)
        if (counts[values[i] * P1 >> (32 - wide)] == least) {
            flags[i] = find_met(slots, bits, values[i])->count == least;
            found += flags[i];
        }
    free(counts);
    free(slots);
    Py_END_ALLOW_THREADS
    return finish(v, 3, found, error);
}

/* Sorts by the upper half, `spare` has room for as many. */
static void sort_upper_half(uint64_t *values, uint64_t *spare, Py_ssize_t count)
{
    for (int shift = 32; shift < 64; shift += 8) {
        size_t places[257] = {0};
        for (Py_ssize_t i = 0; i < count; i++)
            places[(values[i] >> shift & 0xFF) + 1]++;
        for (int digit = 0; digit < 256; digit++)
            places[digit + 1] += places[digit];
        for (Py_ssize_t i = 0; i < count; i++)
            spare[places[values[i] >> shift & 0xFF]++] = values[i];
        uint64_t *other = values;
        values = spare;
        spare = other;
    }
}

PyDoc_STRVAR(encode_doc, "encode(values, codes): fills the places (uint32) of the values (uint32) among the distinct ones; gives back those, ascending, and\n"
                         "how often each occurs (bytearrays of uint32 and int64).");

static PyObject *encode(PyObject *module, PyObject *args)
{
    Py_buffer v[2] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*w*", &v[0], &v[1]))
        return NULL;
    const uint32_t *values = v[0].buf;
    uint32_t *codes = v[1].buf;
    Py_ssize_t count = COUNT(v[0], uint32_t), used = 0;
    if (COUNT(v[1], uint32_t) != count || count >= UINT32_MAX)
        return finish(v, 2, 0, BAD_SIZES);
    int bits = 12;
    uint64_t *sorted = NULL;
    uint32_t *distinct = NULL, *ranks = NULL;
    int64_t *counts = NULL;
    Py_BEGIN_ALLOW_THREADS
    Met *slots = calloc((size_t)1 << bits, sizeof *slots);
    error = slots ? NULL : NO_MEMORY;
    for (Py_ssize_t i = 0; i < count && !error; i++) { /* in the order they are met; `row` is the number of a value, from 1 */
        Met *met = find_met(slots, bits, values[i]);
        if (!met->row) {
            if (2 * (size_t)(used + 1) > (size_t)1 << bits) {
                if (bits == 31 || !double_slots(&slots, &bits)) {
                    error = NO_MEMORY;
                    break;
                }
                met = find_met(slots, bits, values[i]);
            }
            met->value = values[i];
            met->row = ++used;
        }
        met->count++;
        codes[i] = (uint32_t)(met->row - 1);
    }
    sorted = malloc((2 * (size_t)used + 1) * sizeof *sorted);
    distinct = malloc(((size_t)used + 1) * sizeof *distinct);
    ranks = malloc(((size_t)used + 1) * sizeof *ranks);
    counts = malloc(((size_t)used + 1) * sizeof *counts);
    if (!sorted || !distinct || !ranks || !counts)
        error = NO_MEMORY;
    for (size_t i = 0; i < (size_t)1 << bits && !error; i++)
        if (slots[i].row)
            sorted[slots[i].row - 1] = (uint64_t)slots[i].value << 32 | (uint64_t)(slots[i].row - 1);
    if (!error)
        sort_upper_half(sorted, sorted + used, used);
    for (Py_ssize_t i = 0; i < used && !error; i++) {
        distinct[i] = (uint32_t)(sorted[i] >> 32);
        ranks[(uint32_t)sorted[i]] = (uint32_t)i;
        counts[i] = find_met(slots, bits, distinct[i])->count;
    }
    for (Py_ssize_t i = 0; i < count && !error; i++)
        codes[i] = ranks[codes[i]];
    free(slots);
    free(sorted);
    free(ranks);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL, *parts[2] = {NULL, NULL};
    if (!error) {
        parts[0] = bytearray_of(distinct, used * (int64_t)sizeof *distinct);
        parts[1] = bytearray_of(counts, used * (int64_t)sizeof *counts);
        if (parts[0] && parts[1])
            result = PyTuple_Pack(2, parts[0], parts[1]);
        Py_XDECREF(parts[0]);
        Py_XDECREF(parts[1]);
    }
    free(distinct);
    free(counts);
    if (error)
        return finish(v, 2, 0, error);
    release(v, 2);
    return result;
}
