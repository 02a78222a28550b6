/* Shared runs: detect/align.py, align_pairs. */
#pragma once

#include "common.h"
#include "sets.h"
#include "lookup.h"

typedef struct {
    int64_t pair, a, b, words;
} Run;

static int compare64(const void *one, const void *other)
{
    const uint64_t x = *(const uint64_t *)one, y = *(const uint64_t *)other;
    return (x > y) - (x < y);
}

#define REPEATS 4 /* places of a shingle that are looked at; detect/align.py */

/* A text whose shingles are looked up: the places of each, in the order of the index. */
typedef struct {
    Index index;
    const uint32_t *hashes;
    uint32_t *places;
    uint64_t *spare;
    int64_t room;
    Py_ssize_t count;
} Sought;

/* What the texts of a pair have in common so far. */
typedef struct {
    Run *runs;
    int64_t used, room;
    uint32_t *reached;  /* by the difference of places: pair and, in it, up to which place runs are known */
    uint8_t *taken[2];  /* of the words of each text */
    int64_t diagonals, words;
} Aligned;

static int order_shingles(Sought *sought, const uint32_t *hashes, Py_ssize_t count)
{
    if (count >= UINT32_MAX - 2 || !open_index(&sought->index, count))
        return 0;
    if (count > sought->room) {
        free(sought->places);
        free(sought->spare);
        sought->room = 2 * (int64_t)count;
        sought->places = malloc((size_t)sought->room * sizeof *sought->places);
        sought->spare = malloc((size_t)sought->room * sizeof *sought->spare);
    }
    if (count && (!sought->places || !sought->spare))
        return 0;
    sought->hashes = hashes;
    sought->count = count;
    uint32_t *starts = sought->index.starts, *keys = sought->index.keys, most = 0;
    const int shift = sought->index.shift;
    const uint32_t last = UINT32_MAX >> shift;
    memset(starts, 0, ((size_t)last + 2) * sizeof *starts);
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t here = ++starts[(hashes[i] >> shift) + 1];
        most = here > most ? here : most;
    }
    for (uint32_t bucket = 0; bucket <= last; bucket++)
        starts[bucket + 1] += starts[bucket];
    for (Py_ssize_t i = 0; i < count; i++)
        sought->spare[starts[hashes[i] >> shift]++] = (uint64_t)hashes[i] << 32 | (uint64_t)i;
    for (uint32_t bucket = last + 1; bucket > 0; bucket--)
        starts[bucket] = starts[bucket - 1];
    starts[0] = 0;
    uint64_t *ordered = sought->spare;
    for (uint32_t bucket = 0; most > 1 && bucket <= last; bucket++) {
        if (starts[bucket + 1] - starts[bucket] > CROWDED) {
            qsort(ordered + starts[bucket], starts[bucket + 1] - starts[bucket], sizeof *ordered, compare64);
            continue;
        }
        for (uint32_t i = starts[bucket] + 1; i < starts[bucket + 1]; i++) {
            uint64_t value = ordered[i];
            uint32_t j = i;
            for (; j > starts[bucket] && ordered[j - 1] > value; j--)
                ordered[j] = ordered[j - 1];
            ordered[j] = value;
        }
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        keys[i] = (uint32_t)(ordered[i] >> 32);
        sought->places[i] = (uint32_t)ordered[i];
    }
    return 1;
}

static int make_room_for_pair(Aligned *aligned, int64_t a, int64_t b, int64_t more)
{
    int64_t words = (a > b ? a : b) + more;
    if (a + b + 1 > aligned->diagonals) {
        free(aligned->reached);
        aligned->diagonals = 2 * (a + b) + 64;
        aligned->reached = calloc(2 * (size_t)aligned->diagonals, sizeof *aligned->reached);
    }
    if (words > aligned->words) {
        aligned->words = 2 * words;
        for (int side = 0; side < 2; side++) {
            free(aligned->taken[side]);
            aligned->taken[side] = calloc((size_t)aligned->words, 1);
        }
    }
    return aligned->reached && (!aligned->words || (aligned->taken[0] && aligned->taken[1]));
}

static int add_run(Aligned *aligned, Run run)
{
    if (aligned->used == aligned->room) {
        int64_t room = 2 * aligned->room + 256;
        Run *runs = realloc(aligned->runs, (size_t)room * sizeof *runs);
        if (!runs)
            return 0;
        aligned->runs = runs;
        aligned->room = room;
    }
    aligned->runs[aligned->used++] = run;
    return 1;
}

static Py_ssize_t count_same(const uint32_t *one, const uint32_t *other, Py_ssize_t most)
{
    Py_ssize_t same = 0;
    while (most - same >= 16 && !memcmp(one + same, other + same, 16 * sizeof *one))
        same += 16;
    while (same < most && one[same] == other[same])
        same++;
    return same;
}

/* Adds the whole runs of at least `least` shingles that go through a place that is looked at. `pair` is never 0. */
static int find_runs(Aligned *aligned, const Sought *sought, const uint32_t *other, Py_ssize_t count, int64_t least, uint32_t pair)
{
    const uint32_t *keys = sought->index.keys;
    for (Py_ssize_t j = 0; j < count; j++) {
        Py_ssize_t at = look_up(&sought->index, other[j]);
        for (int n = 0; at >= 0 && n < REPEATS && at < sought->count && keys[at] == other[j]; n++, at++) {
            Py_ssize_t i = sought->places[at], before = 0;
            uint32_t *reached = aligned->reached + 2 * (i - j + count);
            if (reached[0] == pair && j < (Py_ssize_t)reached[1])
                continue;
            while (i > before && j > before && sought->hashes[i - before - 1] == other[j - before - 1])
                before++;
            Py_ssize_t most = sought->count - i < count - j ? sought->count - i : count - j;
            Py_ssize_t after = 1 + count_same(sought->hashes + i + 1, other + j + 1, most - 1);
            reached[0] = pair;
            reached[1] = (uint32_t)(j + after);
            if (before + after >= least && !add_run(aligned, (Run){0, i - before, j - before, before + after}))
                return 0;
        }
    }
    return 1;
}

static int compare_runs(const void *one, const void *other)
{
    const Run *x = one, *y = other;
    if (x->words != y->words)
        return x->words < y->words ? 1 : -1;
    if (x->b != y->b)
        return x->b < y->b ? -1 : 1;
    return (x->a > y->a) - (x->a < y->a);
}

static int compare_places(const void *one, const void *other)
{
    const Run *x = one, *y = other;
    return (x->b > y->b) - (x->b < y->b);
}

/* Makes runs of shingles runs of words: the longest first, cut down to what no longer one covers in either text. */
static int64_t separate_runs(Run *runs, int64_t count, int64_t more, int64_t least, uint8_t *taken_a, uint8_t *taken_b)
{
    if (count == 1)
        runs[0].words += more;
    if (count <= 1)
        return count;
    int64_t kept = 0;
    qsort(runs, (size_t)count, sizeof *runs, compare_runs);
    for (int64_t at = 0; at < count; at++) {
        Run run = runs[at];
        const uint8_t *a = taken_a + run.a, *b = taken_b + run.b;
        int64_t begin = 0, longest = 0;
        for (int64_t i = 0, free_words = 0; i < run.words + more; i++) {
            free_words = a[i] | b[i] ? 0 : free_words + 1;
            if (free_words > longest) {
                longest = free_words;
                begin = i + 1 - free_words;
            }
        }
        if (longest < least)
            continue;
        memset(taken_a + run.a + begin, 1, (size_t)longest);
        memset(taken_b + run.b + begin, 1, (size_t)longest);
        runs[kept++] = (Run){0, run.a + begin, run.b + begin, longest};
    }
    for (int64_t at = 0; at < kept; at++) {
        memset(taken_a + runs[at].a, 0, (size_t)runs[at].words);
        memset(taken_b + runs[at].b, 0, (size_t)runs[at].words);
    }
    qsort(runs, (size_t)kept, sizeof *runs, compare_places);
    return kept;
}

PyDoc_STRVAR(align_doc, "align(hashes, offsets, a, b, more, least): the disjoint runs of at least `least` words that rows a[i] and b[i] share, given\n"
                        "by the hashes (uint32) of their shingles of `more` + 1 words in order; a bytearray of four int64 a run: i, the places of\n"
                        "its first word, and its words; ordered by i and the place in b[i]. Faster where many a[i] in a row are the same.");

static PyObject *align(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    Py_ssize_t more, least;
    if (!PyArg_ParseTuple(args, "y*y*y*y*nn", &v[0], &v[1], &v[2], &v[3], &more, &least))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *offsets = v[1].buf, *a = v[2].buf, *b = v[3].buf;
    Py_ssize_t rows = COUNT(v[1], int64_t) - 1, pairs = COUNT(v[2], int64_t), total = COUNT(v[0], uint32_t);
    Sought sought = {{0}};
    Aligned aligned = {0};
    if (rows < 0 || COUNT(v[3], int64_t) != pairs || pairs >= UINT32_MAX || more < 0 || more > INT32_MAX || least < 1)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t sorted = -1;
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (!is_row(offsets, rows, total, a[i]) || !is_row(offsets, rows, total, b[i])) {
            error = BAD_OFFSETS;
            break;
        }
        const uint32_t *other = hashes + offsets[b[i]];
        Py_ssize_t size_a = (Py_ssize_t)(offsets[a[i] + 1] - offsets[a[i]]), size_b = (Py_ssize_t)(offsets[b[i] + 1] - offsets[b[i]]);
        int fits = size_b < UINT32_MAX && make_room_for_pair(&aligned, size_a, size_b, more);
        if (fits && sorted != a[i])
            fits = order_shingles(&sought, hashes + offsets[a[i]], size_a);
        sorted = a[i];
        int64_t before = aligned.used;
        if (!fits || !find_runs(&aligned, &sought, other, size_b, least - more, (uint32_t)i + 1)) {
            error = NO_MEMORY;
            break;
        }
        aligned.used = before + separate_runs(aligned.runs + before, aligned.used - before, more, least, aligned.taken[0], aligned.taken[1]);
        for (int64_t at = before; at < aligned.used; at++)
            aligned.runs[at].pair = i;
    }
    free_index(&sought.index);
    free(sought.places);
    free(sought.spare);
    free(aligned.reached);
    free(aligned.taken[0]);
    free(aligned.taken[1]);
    Py_END_ALLOW_THREADS
    PyObject *result = error ? NULL : bytearray_of(aligned.runs ? (void *)aligned.runs : "", aligned.used * (int64_t)sizeof *aligned.runs);
    free(aligned.runs);
    Py_XDECREF(finish(v, 4, 0, error));
    return result;
}

PyDoc_STRVAR(count_marked_doc, "count_marked(flags, a, b, words, counts): fills in how many of words[i] places from a[i] and from b[i] on a flag (bytes of 0\n"
                               "and 1) is set, here or there (int64).");

static PyObject *count_marked(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4]))
        return NULL;
    const uint8_t *flags = v[0].buf;
    const int64_t *a = v[1].buf, *b = v[2].buf, *words = v[3].buf;
    int64_t *counts = v[4].buf;
    Py_ssize_t runs = COUNT(v[1], int64_t), total = v[0].len;
    if (COUNT(v[2], int64_t) != runs || COUNT(v[3], int64_t) != runs || COUNT(v[4], int64_t) != runs)
        return finish(v, 5, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < runs && !error; i++) {
        if (words[i] < 0 || words[i] > total || a[i] < 0 || a[i] > total - words[i] || b[i] < 0 || b[i] > total - words[i]) {
            error = BAD_OFFSETS;
            break;
        }
        counts[i] = 0;
        for (int64_t word = 0; word < words[i]; word++)
            counts[i] += (flags[a[i] + word] | flags[b[i] + word]) & 1;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 5, runs, error);
}
