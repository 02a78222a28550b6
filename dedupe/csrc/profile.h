/* All of it at once: detect/profile.py, Profiler. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "shingles.h"
#include "sets.h"
#include "signatures.h"
#include "digests.h"

PyDoc_STRVAR(profile_doc, "profile(texts, forms, words, a, b, digests, counts, offsets, signatures): what tokenize, digest_texts, shingle, collect\n"
                          "and sign would give, one text after the other; gives back the distinct hashes, a bytearray of uint32.\n\n"
                          "digests: 16 bytes a text; counts: the number of its words (int64); the others as they are there.");

static PyObject *profile(PyObject *module, PyObject *args)
{
    PyObject *texts, *blocks;
    Py_buffer v[6] = {{0}};
    const char *error = NULL;
    Py_ssize_t words;
    if (!PyArg_ParseTuple(args, "O!O!ny*y*w*w*w*w*", &PyTuple_Type, &texts, &PyDict_Type, &blocks, &words, &v[0], &v[1], &v[2],
                          &v[3], &v[4], &v[5]))
        return NULL;
    const uint32_t *a = v[0].buf, *b = v[1].buf;
    uint8_t *digests = v[2].buf;
    int64_t *counts = v[3].buf, *offsets = v[4].buf;
    uint32_t *hashes = NULL, *signatures = v[5].buf;
    Py_ssize_t count = PyTuple_Size(texts), permutations = COUNT(v[0], uint32_t), room = 0, kept = 0;
    if (words < 1 || COUNT(v[1], uint32_t) != permutations || permutations % 4 || v[2].len != 16 * count || COUNT(v[3], int64_t) != count
        || COUNT(v[4], int64_t) != count + 1 || COUNT(v[5], uint32_t) != count * permutations)
        return finish(v, 6, 0, BAD_SIZES);
    Tokenizer t = {0};
    t.forms = gather_forms(blocks);
    Source *sources = t.forms ? gather_texts(texts, count) : NULL;
    if (!sources) {
        free(t.forms);
        release(v, 6);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    uint32_t *spare = NULL;
    int64_t *starts = NULL, space = 0;
    offsets[0] = 0;
    for (Py_ssize_t d = 0; d < count && !error; d += MESSAGES) {
        int some = count - d < MESSAGES ? (int)(count - d) : MESSAGES;
        int64_t begins[MESSAGES], lengths[MESSAGES], first = 0;
        t.used = t.tokens = 0;
        for (int l = 0; l < some && !error; l++) {
            int64_t before = t.tokens;
            begins[l] = t.used;
            int state = sources[d + l].refused ? 0 : tokenize_text(&t, &sources[d + l]);
            error = state < 0 ? NO_MEMORY : state ? NULL : UNFOLDED;
            counts[d + l] = t.tokens - before;
            lengths[l] = t.used > begins[l] ? t.used - begins[l] - 1 : 0;
        }
        if (t.tokens >= space) {
            space = 2 * t.tokens + LANES;
            free(starts);
            free(spare);
            starts = malloc((size_t)space * sizeof *starts);
            spare = malloc((2 * (size_t)space + LANES) * sizeof *spare);
        }
        if (t.tokens >= room - kept) {
            room = kept + (Py_ssize_t)t.tokens + room / 2 + 65536;
            uint32_t *more = realloc(hashes, (size_t)room * sizeof *hashes);
            hashes = more ? more : (free(hashes), NULL);
        }
        if (!error && (!starts || !spare || !hashes))
            error = NO_MEMORY;
        if (error)
            break;
        starts[0] = 0;
        for (int64_t i = 1; i < t.tokens; i++)
            starts[i] = t.ends[i - 1] + 1;
        digest_spans(t.buffer, begins, lengths, some, digests + 16 * d);
        for (int l = 0; l < some; l++) {
            Py_ssize_t made = hash_runs(t.buffer, (Py_ssize_t)t.room, starts, t.ends, first, first + counts[d + l], words, spare);
            first += counts[d + l];
            sort32(spare, spare + space, made);
            made = drop_repeated(spare, made, hashes + kept);
            sign_row(hashes + kept, made, a, b, permutations, spare, signatures + (d + l) * permutations);
            kept += made;
            offsets[d + l + 1] = kept;
        }
    }
    free(starts);
    free(spare);
    Py_END_ALLOW_THREADS
    free(t.buffer);
    free(t.ends);
    free(t.forms);
    free(sources);
    PyObject *result = error ? NULL : bytearray_of(hashes, kept * (int64_t)sizeof *hashes);
    free(hashes);
    Py_XDECREF(finish(v, 6, 0, error));
    return result;
}
