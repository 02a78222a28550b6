/* Distinct sets: detect/shingles.py, collect_shingles. */
#pragma once

#include "common.h"

/* Four passes of eight bits: the time does not depend on what the values are. */
static void sort_by_digits(uint32_t *values, uint32_t *spare, Py_ssize_t count)
{
    size_t counts[4][256];
    memset(counts, 0, sizeof counts);
    for (Py_ssize_t i = 0; i < count; i++)
        for (int pass = 0; pass < 4; pass++)
            counts[pass][values[i] >> 8 * pass & 0xFF]++;
    uint32_t *from = values, *to = spare;
    for (int pass = 0; pass < 4; pass++) {
        size_t before = 0;
        for (int digit = 0; digit < 256; digit++) {
            size_t here = counts[pass][digit];
            counts[pass][digit] = before;
            before += here;
        }
        for (Py_ssize_t i = 0; i < count; i++)
            to[counts[pass][from[i] >> 8 * pass & 0xFF]++] = from[i];
        uint32_t *other = from;
        from = to;
        to = other;
    }
}

#define FINE_BITS 9
#define CROWDED 12 /* values of one bucket: then they are no hashes as they mostly are, and the sure way is taken */

/* The lesser of each two neighbours first, from value `first` on. */
FOR_EACH_CPU static void order_neighbours(uint32_t *values, Py_ssize_t first, Py_ssize_t count)
{
    uint32_t *v = values + first;
    for (Py_ssize_t i = 0; i < (count - first) / 2; i++) {
        uint32_t x = v[2 * i], y = v[2 * i + 1];
        v[2 * i] = x < y ? x : y;
        v[2 * i + 1] = x < y ? y : x;
    }
}

/* Sorts; `spare` has room for as many. Hashes spread evenly over buckets of their upper bits; those of one bucket are ordered by
   as many rounds as the fullest has values (odd-even transposition: Knuth, The Art of Computer Programming 3, 5.3.4). */
static void sort32(uint32_t *values, uint32_t *spare, Py_ssize_t count)
{
    uint16_t places[1 << FINE_BITS] = {0};
    Py_ssize_t most = 0;
    for (Py_ssize_t i = 0; count < 4096 && i < count; i++) {
        Py_ssize_t here = ++places[values[i] >> (32 - FINE_BITS)];
        most = here > most ? here : most;
    }
    if (count >= 4096 || most > CROWDED) {
        sort_by_digits(values, spare, count);
        return;
    }
    for (uint32_t bucket = 0, before = 0; bucket < 1 << FINE_BITS; bucket++) {
        uint32_t here = places[bucket];
        places[bucket] = (uint16_t)before;
        before += here;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        spare[places[values[i] >> (32 - FINE_BITS)]++] = values[i];
    for (Py_ssize_t round = 0; round < most && most > 1; round++)
        order_neighbours(spare, round & 1, count);
    memcpy(values, spare, (size_t)count * sizeof *values);
}

static Py_ssize_t drop_repeated(const uint32_t *ascending, Py_ssize_t count, uint32_t *out)
{
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        out[kept] = ascending[i];
        kept += i + 1 == count || ascending[i] != ascending[i + 1];
    }
    return kept;
}

PyDoc_STRVAR(collect_doc, "collect(hashes, counts, distinct, offsets): fills the distinct hashes (uint32) of each text, ascending, and the\n"
                          "offsets (int64) of each text's; gives back how many there are. `hashes` and `distinct` are of one size.");

static PyObject *collect(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*w*w*", &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *counts = v[1].buf;
    uint32_t *distinct = v[2].buf;
    int64_t *offsets = v[3].buf;
    Py_ssize_t texts = COUNT(v[1], int64_t), total = COUNT(v[0], uint32_t), kept = 0;
    if (COUNT(v[2], uint32_t) < total || COUNT(v[3], int64_t) != texts + 1)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t most = 0, sum = 0;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        most = counts[d] > most ? counts[d] : most;
        if (counts[d] < 0 || counts[d] > total - sum)
            error = BAD_OFFSETS;
        else
            sum += counts[d];
    }
    uint32_t *values = error ? NULL : malloc((2 * (size_t)most + 1) * sizeof *values);
    if (!error && !values)
        error = NO_MEMORY;
    int64_t low = 0;
    offsets[0] = 0;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        memcpy(values, hashes + low, (size_t)counts[d] * sizeof *values);
        sort32(values, values + counts[d], (Py_ssize_t)counts[d]);
        kept += drop_repeated(values, (Py_ssize_t)counts[d], distinct + kept);
        low += counts[d];
        offsets[d + 1] = kept;
    }
    free(values);
    Py_END_ALLOW_THREADS
    return finish(v, 4, kept, error);
}
