/* Words in runs: detect/templates.py, _count_shared. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "sieve.h"

/* The words of a text between spaces, as hashes. */
typedef struct {
    uint64_t *hashes;
    Py_ssize_t count, room;
} HashedWords;

static int hash_text_words(const Source *source, HashedWords *words)
{
    words->count = 0;
    if (words->room < source->size / 2 + 1) {
        free(words->hashes);
        words->room = source->size / 2 + 1;
        words->hashes = malloc((size_t)words->room * sizeof *words->hashes);
        if (!words->hashes)
            return 0;
    }
    Py_ssize_t at = 0;
    while (next_word(source->text, source->size, &at, &words->hashes[words->count]))
        words->count++;
    return 1;
}

/* A text in which the words of others are looked up: the place of each word before which the same word stands next, counted from 1,
   and by slots of a table the last place of a word. `runs` are the lengths of the runs that end at each word, twice. */
typedef struct {
    HashedWords words;
    int32_t *before, *slots, *runs;
    size_t last;
} Reference;

static int32_t *find_slot(const Reference *reference, uint64_t hash)
{
    size_t slot = (size_t)hash & reference->last;
    while (reference->slots[slot] && reference->words.hashes[reference->slots[slot] - 1] != hash)
        slot = (slot + 1) & reference->last;
    return &reference->slots[slot];
}

static int make_reference(const Source *source, Reference *reference)
{
    if (!hash_text_words(source, &reference->words) || reference->words.count > INT32_MAX / 4)
        return 0;
    const size_t count = (size_t)reference->words.count;
    for (reference->last = 15; reference->last < 2 * count;)
        reference->last = 2 * reference->last + 1;
    reference->slots = calloc(reference->last + 1, sizeof *reference->slots);
    reference->before = malloc((count + 1) * sizeof *reference->before);
    reference->runs = calloc(2 * (count + 1), sizeof *reference->runs);
    if (!reference->slots || !reference->before || !reference->runs)
        return 0;
    for (size_t i = count; i-- > 0;) { /* from the end, so that the places of a word are met from the first on */
        int32_t *slot = find_slot(reference, reference->words.hashes[i]);
        reference->before[i] = *slot;
        *slot = (int32_t)i + 1;
    }
    return 1;
}

/* Parts of two texts that may hold a run. */
typedef struct {
    int32_t low, high, from, to;
} Part;

/* Counts the words of the reference that stand in runs of `least` words or more of another text, as difflib's SequenceMatcher finds
   them: the longest run, of such the first, then the same before and behind it. firsts: of each word of the other text its first place
   in the reference, from 1; parts: as many as words, and one. */
static void match_text(const Reference *reference, const int32_t *firsts, int32_t count, Part *parts, int32_t least, int64_t *counts)
{
    int32_t *runs[2] = {reference->runs, reference->runs + reference->words.count + 1};
    Py_ssize_t open = 1;
    parts[0] = (Part){0, count, 0, (int32_t)reference->words.count};
    while (open) {
        const Part part = parts[--open];
        int32_t at = 0, place = 0, size = 0;
        for (int32_t i = part.low; i <= part.high; i++) {
            int32_t *here = runs[i & 1], *last = runs[~i & 1];
            if (i < part.high)
                for (int32_t j = firsts[i]; j && j <= part.to; j = reference->before[j - 1]) {
                    if (j <= part.from)
                        continue;
                    here[j] = last[j - 1] + 1;
                    if (here[j] > size) {
                        size = here[j];
                        at = i + 1 - size;
                        place = j - size;
                    }
                }
            if (i > part.low)
                for (int32_t j = firsts[i - 1]; j && j <= part.to; j = reference->before[j - 1])
                    last[j] = 0;
        }
        if (!size)
            continue;
        for (int32_t j = place; size >= least && j < place + size; j++)
            counts[j]++;
        if (part.low < at && part.from < place)
            parts[open++] = (Part){part.low, at, part.from, place};
        if (at + size < part.high && place + size < part.to)
            parts[open++] = (Part){at + size, part.high, place + size, part.to};
    }
}

PyDoc_STRVAR(match_words_doc, "match_words(texts, least): for each word of the first text (between spaces) how many of the others have it in a run of so many\n"
                              "words, a bytearray of int64; None if a text has no UTF-8.");

static PyObject *match_words(PyObject *module, PyObject *args)
{
    PyObject *texts, *result = NULL;
    Py_ssize_t least;
    if (!PyArg_ParseTuple(args, "O!n", &PyTuple_Type, &texts, &least))
        return NULL;
    Py_ssize_t count = PyTuple_Size(texts);
    if (count < 1 || least < 1 || least > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, BAD_SIZES);
        return NULL;
    }
    Source *sources = gather_texts(texts, count);
    if (!sources)
        return NULL;
    Reference reference = {{0}, NULL, NULL, NULL, 0};
    HashedWords words = {0};
    int64_t *counts = NULL;
    int state = 1;
    for (Py_ssize_t i = 0; i < count; i++)
        state &= !sources[i].refused;
    if (!state) {
        free(sources);
        Py_RETURN_NONE;
    }
    Py_BEGIN_ALLOW_THREADS
    state = make_reference(&sources[0], &reference);
    counts = calloc((size_t)reference.words.count + 1, sizeof *counts);
    for (Py_ssize_t i = 1; i < count && state && counts; i++) {
        state = hash_text_words(&sources[i], &words) && words.count < INT32_MAX;
        int32_t *firsts = state ? malloc(((size_t)words.count + 1) * sizeof *firsts) : NULL;
        Part *parts = state ? malloc(((size_t)words.count + 2) * sizeof *parts) : NULL;
        state = firsts && parts;
        for (Py_ssize_t w = 0; state && w < words.count; w++)
            firsts[w] = *find_slot(&reference, words.hashes[w]);
        if (state)
            match_text(&reference, firsts, (int32_t)words.count, parts, (int32_t)least, counts);
        free(firsts);
        free(parts);
    }
    Py_END_ALLOW_THREADS
    if (state && counts)
        result = bytearray_of(counts, reference.words.count * (int64_t)sizeof *counts);
    else
        PyErr_NoMemory();
    free(reference.words.hashes);
    free(reference.before);
    free(reference.slots);
    free(reference.runs);
    free(words.hashes);
    free(counts);
    free(sources);
    return result;
}
