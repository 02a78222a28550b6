/* Class tokens: text/classes.py, ClassMap.despin. */
#pragma once

#include "common.h"
#include "signatures.h"

#define FILTER_BITS 17 /* of a hash: text/classes.py */
/* What is known of a hash: the code of its class, below these bits and one that is always set. */
#define ENDS ((uint64_t)1 << 32)
#define DROPPED ((uint64_t)1 << 33)
#define REPLACEMENT ((uint64_t)1 << 34)
#define GOES_ON ((uint64_t)1 << 35)

typedef struct {
    const uint8_t *filter;
    const uint64_t *table;
    uint64_t last;
} Lookup;

static int make_lookup(const Py_buffer *v, Lookup *lookup)
{
    *lookup = (Lookup){v[0].buf, v[1].buf, (uint64_t)(COUNT(v[1], uint64_t) / 2 - 1)};
    return v[0].len == 1 << (FILTER_BITS - 3) && COUNT(v[1], uint64_t) % 2 == 0 && is_power_of_two(COUNT(v[1], uint64_t) / 2);
}

/* What is known of a hash, 0 if nothing is. */
static inline uint64_t find_known(const Lookup *lookup, uint64_t hash)
{
    const uint64_t bit = hash >> (64 - FILTER_BITS);
    if (!(lookup->filter[bit >> 3] >> (bit & 7) & 1))
        return 0;
    for (uint64_t slot = hash & lookup->last, tried = 0; tried <= lookup->last && lookup->table[2 * slot + 1]; tried++) {
        if (lookup->table[2 * slot] == hash)
            return lookup->table[2 * slot + 1];
        slot = (slot + 1) & lookup->last;
    }
    return 0;
}

static inline uint64_t join64(uint64_t left, uint64_t right) { return mix64(left * 0x9E3779B97F4A7C15u ^ right); }

/* `end`: of the buffer. */
static inline uint64_t hash_token(const uint8_t *p, int64_t size, const uint8_t *end)
{
    uint64_t hash = (uint64_t)size;
    for (; size >= 8; p += 8, size -= 8)
        hash = join64(hash, load64(p));
    if (size && end - p >= 8) {
        hash = join64(hash, load64(p) << 8 * (8 - size));
    } else if (size) {
        uint64_t rest = 0; /* the first byte below the second, all in the upper part of the number */
        for (int64_t i = 0; i < size; i++)
            rest |= (uint64_t)p[i] << 8 * (8 - size + i);
        hash = join64(hash, rest);
    }
    return hash;
}

PyDoc_STRVAR(despin_doc, "despin(buffer, starts, ends, documents, *words, *phrases, classes, surfaces, bounds, replacements): fills the class\n"
                         "tokens of the texts; gives back how many there are. words, phrases: the filters and tables of two look-ups.");

static PyObject *despin(PyObject *module, PyObject *args)
{
    Py_buffer v[12] = {{0}};
    const char *error = NULL;
    /* no tuples in the format: CPython makes room for the views of the outermost arguments only */
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*w*w*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10], &v[11]))
        return NULL;
    const uint8_t *buffer = v[0].buf;
    const int64_t *starts = v[1].buf, *ends = v[2].buf, *documents = v[3].buf;
    uint32_t *classes = v[8].buf, *surfaces = v[9].buf;
    int64_t *bounds = v[10].buf, *replacements = v[11].buf;
    Py_ssize_t tokens = COUNT(v[1], int64_t), texts = COUNT(v[3], int64_t) - 1, kept = 0;
    Lookup words = {0}, phrases = {0};
    if (texts < 0 || COUNT(v[2], int64_t) != tokens || COUNT(v[8], uint32_t) < tokens || COUNT(v[9], uint32_t) < tokens
        || COUNT(v[10], int64_t) != texts + 1 || COUNT(v[11], int64_t) != texts)
        return finish(v, 12, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    uint64_t *hashes = malloc((2 * (size_t)tokens + 1) * sizeof *hashes), *known = hashes + tokens;
    if (!hashes)
        error = NO_MEMORY;
    else if (!make_lookup(v + 4, &words) || !make_lookup(v + 6, &phrases))
        error = BAD_SIZES;
    else if (!are_offsets(documents, texts + 1, tokens))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < tokens && !error; i++) {
        if (starts[i] < 0 || starts[i] > ends[i] || ends[i] > v[0].len)
            error = BAD_OFFSETS;
        else
            hashes[i] = hash_token(buffer + starts[i], ends[i] - starts[i], buffer + v[0].len);
    }
    /* all at once, for then the loads do not wait for each other */
    for (Py_ssize_t i = 0; i < tokens && !error; i++)
        known[i] = find_known(&words, hashes[i]);
    if (!error)
        bounds[0] = 0;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        int64_t written = 0;
        for (Py_ssize_t i = (Py_ssize_t)documents[d], last = (Py_ssize_t)documents[d + 1]; i < last;) {
            Py_ssize_t length = 1;
            uint64_t found = known[i], surface = hashes[i], key = hashes[i], goes_on = known[i] & GOES_ON;
            int number = starts[i] < ends[i] && buffer[starts[i]] >= '0' && buffer[starts[i]] <= '9';
            for (Py_ssize_t tried = 2; goes_on && tried <= LONGEST_FORM && i + tried <= last; tried++) {
                key = join64(key, hashes[i + tried - 1]);
                const uint64_t phrase = find_known(&phrases, key);
                if (phrase & ENDS)
                    found = phrase, length = tried, surface = key, number = 0;
                goes_on = phrase & GOES_ON;
            }
            written += (found & REPLACEMENT) != 0;
            classes[kept] = ((uint32_t)(found & ENDS ? found : surface) & ~1u) | (uint32_t)number;
            surfaces[kept] = (uint32_t)surface;
            kept += !(found & ENDS && found & DROPPED);
            i += length;
        }
        bounds[d + 1] = kept;
        replacements[d] = written;
    }
    free(hashes);
    Py_END_ALLOW_THREADS
    return finish(v, 12, kept, error);
}

PyDoc_STRVAR(sign_classes_doc, "sign_classes(classes, documents, a, b, halves): fills the signature of the shingles of two class tokens (uint32) of each\n"
                               "text, the lower half of each value (uint16). a, b: as for sign.");

/* detect/despun.py, profile_despun */
static PyObject *sign_classes(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4]))
        return NULL;
    const uint32_t *classes = v[0].buf, *a = v[2].buf, *b = v[3].buf;
    const int64_t *documents = v[1].buf;
    uint16_t *halves = v[4].buf;
    Py_ssize_t texts = COUNT(v[1], int64_t) - 1, permutations = COUNT(v[2], uint32_t);
    if (COUNT(v[3], uint32_t) != permutations || permutations % 4 || texts < 0 || COUNT(v[4], uint16_t) != texts * permutations)
        return finish(v, 5, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t most = 0;
    if (!are_offsets(documents, texts + 1, COUNT(v[0], uint32_t)))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++)
        most = documents[d + 1] - documents[d] > most ? documents[d + 1] - documents[d] : most;
    uint32_t *row = error ? NULL : malloc((2 * ((size_t)most + LANES) + (size_t)permutations) * sizeof *row);
    if (!error && !row)
        error = NO_MEMORY;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        uint32_t *shingles = row + permutations, *mixed = shingles + most + LANES;
        const uint32_t *first = classes + documents[d];
        Py_ssize_t count = documents[d + 1] - documents[d] > 1 ? (Py_ssize_t)(documents[d + 1] - documents[d] - 1) : 0;
        for (Py_ssize_t i = 0; i < count; i++) {
            uint32_t x = first[i] * P1;
            x = ((x ^ x >> 15) + first[i + 1]) * P2;
            shingles[i] = x ^ x >> 13;
        }
        sign_row(shingles, count, a, b, permutations, mixed, row);
        for (Py_ssize_t k = 0; k < permutations; k++)
            halves[d * permutations + k] = (uint16_t)row[k];
    }
    free(row);
    Py_END_ALLOW_THREADS
    return finish(v, 5, texts, error);
}
