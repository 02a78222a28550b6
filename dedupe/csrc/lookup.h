/* Sets that are looked up in: detect/verify.py, detect/despun.py, detect/align.py. */
#pragma once

#include "common.h"

/* An ascending array, by the upper bits of its values: those of bucket i stand from starts[i] on, one in two buckets. */
typedef struct {
    uint32_t *keys; /* with two more behind the last, so that two can be looked at in any bucket */
    uint32_t *starts;
    Py_ssize_t count, room, buckets;
    int shift;
} Index;

static void free_index(Index *index)
{
    free(index->keys);
    free(index->starts);
}

/* Room for so many keys, in buckets as their number asks for. */
static int open_index(Index *index, Py_ssize_t count)
{
    Py_ssize_t buckets = 4;
    index->shift = 30;
    while (buckets < 2 * count && index->shift > 4) {
        buckets *= 2;
        index->shift--;
    }
    if (count + 2 > index->room) {
        free(index->keys);
        index->room = 2 * count + 64;
        index->keys = malloc((size_t)index->room * sizeof *index->keys);
    }
    if (buckets > index->buckets) {
        free(index->starts);
        index->buckets = 2 * buckets;
        index->starts = malloc(((size_t)index->buckets + 1) * sizeof *index->starts);
    }
    index->count = count;
    if (index->keys && index->starts)
        return 1;
    index->room = index->buckets = 0; /* what there is will be freed */
    return 0;
}

/* Tells where the buckets of the keys begin, which ascend. */
static void fill_starts(Index *index)
{
    uint32_t *keys = index->keys, next = 0;
    for (Py_ssize_t i = 0; i < index->count; i++)
        for (uint32_t bucket = keys[i] >> index->shift; next <= bucket; next++)
            index->starts[next] = (uint32_t)i;
    for (; next <= UINT32_MAX >> index->shift; next++)
        index->starts[next] = (uint32_t)index->count;
    index->starts[next] = (uint32_t)index->count;
    keys[index->count] = keys[index->count + 1] = index->count ? keys[index->count - 1] : 0;
}

/* Where the first key of at least `value` stands in a bucket of many. */
static Py_ssize_t bisect(const uint32_t *keys, Py_ssize_t low, Py_ssize_t high, uint32_t value)
{
    while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        if (keys[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where a value first stands among the keys, -1 for nowhere. */
static inline Py_ssize_t look_up(const Index *index, uint32_t value)
{
    Py_ssize_t low = index->starts[value >> index->shift], high = index->starts[(value >> index->shift) + 1];
    if (high - low > 8)
        low = bisect(index->keys, low, high, value);
    while (low < high && index->keys[low] < value)
        low++;
    return low < high && index->keys[low] == value ? low : -1;
}
