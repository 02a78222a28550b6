/* Rows that have a key in common: detect/buckets.py. */
#pragma once

#include "common.h"

typedef struct {
    uint32_t *slots, *next, *last, *sizes; /* rows count from 1 in `slots` and `next`; `last` and `sizes` are those of a bucket's first row */
    Py_ssize_t rows, buckets;              /* of buckets of more than one */
} Buckets;

/* Files the rows by their keys, those of one key as a chain. 0: out of memory. */
static int fill_buckets(Buckets *b, const uint64_t *keys, Py_ssize_t count)
{
    uint64_t table = 2;
    while (table < 2 * (uint64_t)count)
        table *= 2;
    b->slots = calloc(table, sizeof *b->slots);
    b->next = calloc((size_t)count + 1, sizeof *b->next);
    b->last = malloc(((size_t)count + 1) * sizeof *b->last);
    b->sizes = calloc((size_t)count + 1, sizeof *b->sizes);
    if (!b->slots || !b->next || !b->last || !b->sizes)
        return 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        uint64_t slot = keys[i] & (table - 1);
        uint32_t first;
        while ((first = b->slots[slot]) && keys[first - 1] != keys[i])
            slot = (slot + 1) & (table - 1);
        if (!first) {
            b->slots[slot] = (uint32_t)i + 1;
            continue;
        }
        if (!b->sizes[--first]) {
            b->sizes[first] = 1;
            b->last[first] = first;
            b->buckets++;
            b->rows++;
        }
        b->next[b->last[first]] = (uint32_t)i + 1;
        b->last[first] = (uint32_t)i;
        b->sizes[first]++;
        b->rows++;
    }
    return 1;
}

PyDoc_STRVAR(gather_doc, "gather(keys): the rows whose key (uint64) another row has, too, bucket after bucket, and the sizes of the buckets: two\n"
                         "bytearrays of int64. The buckets are in the order of their first rows.");

static PyObject *gather(PyObject *module, PyObject *args)
{
    Py_buffer v[1] = {{0}};
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*", &v[0]))
        return NULL;
    Py_ssize_t count = COUNT(v[0], uint64_t), at = 0, bucket = 0;
    if (count >= UINT32_MAX)
        return finish(v, 1, 0, BAD_SIZES);
    Buckets b = {0};
    int64_t *members = NULL, *sizes = NULL;
    Py_BEGIN_ALLOW_THREADS
    if (fill_buckets(&b, v[0].buf, count)) {
        members = malloc(((size_t)b.rows + 1) * sizeof *members);
        sizes = malloc(((size_t)b.buckets + 1) * sizeof *sizes);
    }
    for (Py_ssize_t first = 0; members && sizes && first < count; first++) {
        if (!b.sizes[first])
            continue;
        sizes[bucket++] = b.sizes[first];
        for (uint32_t row = (uint32_t)first + 1; row; row = b.next[row - 1])
            members[at++] = (int64_t)row - 1;
    }
    free(b.slots);
    free(b.next);
    free(b.last);
    free(b.sizes);
    Py_END_ALLOW_THREADS
    if (members && sizes) {
        PyObject *parts[2] = {bytearray_of(members, at * (int64_t)sizeof *members), bytearray_of(sizes, bucket * (int64_t)sizeof *sizes)};
        if (parts[0] && parts[1])
            result = PyTuple_Pack(2, parts[0], parts[1]);
        Py_XDECREF(parts[0]);
        Py_XDECREF(parts[1]);
    } else {
        PyErr_NoMemory();
    }
    free(members);
    free(sizes);
    release(v, 1);
    return result;
}

PyDoc_STRVAR(pair_up_doc, "pair_up(members, sizes, pairs): fills the pairs of members (int64) of each bucket, laid end to end in these sizes (int64), the\n"
                          "first in the upper half of a uint64, the second in the lower; gives back how many there are.");

static PyObject *pair_up(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    if (!PyArg_ParseTuple(args, "y*y*w*", &v[0], &v[1], &v[2]))
        return NULL;
    const int64_t *members = v[0].buf, *sizes = v[1].buf;
    uint64_t *pairs = v[2].buf;
    Py_ssize_t rows = COUNT(v[0], int64_t), buckets = COUNT(v[1], int64_t), room = COUNT(v[2], uint64_t), at = 0, made = 0;
    const char *error = NULL;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t bucket = 0; bucket < buckets && !error; bucket++) {
        int64_t size = sizes[bucket];
        if (size < 0 || size > rows - at || (size > 1 && (size - 1 > INT32_MAX || size * (size - 1) / 2 > room - made))) {
            error = BAD_OFFSETS;
            break;
        }
        for (int64_t i = 0; i < size; i++)
            for (int64_t j = i + 1; j < size; j++)
                pairs[made++] = (uint64_t)members[at + i] << 32 | (uint64_t)members[at + j];
        at += (Py_ssize_t)size;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 3, made, error);
}
