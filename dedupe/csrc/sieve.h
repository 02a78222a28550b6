/* Words and pairs of words: repair/sieve.py, Sieve. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "classes.h"

/* The next word of a text of words between spaces: its hash, and `*at` behind it; 0 at the end. */
static inline int next_word(const uint8_t *text, Py_ssize_t size, Py_ssize_t *at, uint64_t *hash)
{
    Py_ssize_t begin = *at;
    while (begin < size && text[begin] == ' ')
        begin++;
    Py_ssize_t end = begin;
    while (end < size && text[end] != ' ')
        end++;
    *at = end;
    if (begin == end)
        return 0;
    *hash = hash_token(text + begin, end - begin, text + size);
    return 1;
}

/* A table of keys: a slot holds the number of its entry and 1, or 0; an entry is a key, and which forms are filed under it: the
   number of the first in 32 bits, and how many short ones and long ones follow, in 16 bits each. `filter`, small enough for the nearest cache, has a bit for each
   key; nearly all pairs of words that are no key are told by it. */
typedef struct {
    const uint64_t *entries;
    const uint32_t *slots;
    const uint8_t *filter;
    uint64_t last, last_bit;
    Py_ssize_t count;
} Keys;

static inline uint64_t bit_of(uint64_t key, uint64_t last_bit) { return key >> 32 & last_bit; }

/* Whether a key may be filed: what the filter says. */
static inline int may_be_filed(const Keys *filed, uint64_t key)
{
    uint64_t bit = bit_of(key, filed->last_bit);
    return filed->filter[bit >> 3] >> (bit & 7) & 1;
}

/* The number of a key, -1 if there is none. */
static inline int64_t find_key(const Keys *filed, uint64_t key)
{
    uint64_t slot = key & filed->last;
    for (uint64_t tried = 0; tried <= filed->last; tried++) {
        uint32_t entry = filed->slots[slot];
        if (!entry || entry > (uint64_t)filed->count)
            return -1;
        if (filed->entries[2 * (entry - 1)] == key)
            return (int64_t)entry - 1;
        slot = (slot + 1) & filed->last;
    }
    return -1;
}

PyDoc_STRVAR(file_words_doc, "file_words(forms, entries, slots, filter): files forms of one or two words, one a line, under entries[2 * i] (uint64) in\n"
                             "a table of slots (uint32, zeros, a power of two of them, more than there are forms), and sets bits of a filter (uint8, zeros, a\n"
                             "power of two of them); gives back how many there are.");

static PyObject *file_words(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*w*w*w*", &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const uint8_t *forms = v[0].buf;
    uint8_t *filter = v[3].buf;
    uint64_t *entries = v[1].buf;
    uint32_t *slots = v[2].buf;
    Py_ssize_t size = v[0].len, room = COUNT(v[1], uint64_t) / 2, table = COUNT(v[2], uint32_t), count = 0;
    if (!is_power_of_two(table) || !is_power_of_two(v[3].len) || room >= table || room >= UINT32_MAX)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < table && !error; i++)
        if (slots[i])
            error = BAD_SIZES;
    for (Py_ssize_t begin = 0; begin < size && !error; count++) {
        Py_ssize_t end = begin, at = 0;
        uint64_t key = 0, word = 0;
        while (end < size && forms[end] != '\n')
            end++;
        int words = next_word(forms + begin, end - begin, &at, &key);
        if (words && next_word(forms + begin, end - begin, &at, &word))
            key = join64(key, word);
        if (!words || count == room) {
            error = BAD_SIZES;
            break;
        }
        entries[2 * count] = key;
        uint64_t slot = key & ((uint64_t)table - 1);
        while (slots[slot])
            slot = (slot + 1) & ((uint64_t)table - 1);
        slots[slot] = (uint32_t)count + 1;
        uint64_t bit = bit_of(key, 8 * (uint64_t)v[3].len - 1);
        filter[bit >> 3] |= (uint8_t)(1 << (bit & 7));
        begin = end + 1;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 4, count, error);
}

/* What a Sieve files: forms by one of their keys, and of forms of three words and more all their keys, and how they read. */
typedef struct {
    Keys keys;
    const int32_t *need_starts, *needs, *literal_starts;
    const uint8_t *literals;
    Py_ssize_t count, needed, letters;
} Forms;

typedef struct {
    int32_t *items;
    Py_ssize_t count, room;
} Numbers;

static int append(Numbers *numbers, int32_t number)
{
    if (numbers->count == numbers->room) {
        Py_ssize_t room = 2 * numbers->room + 256;
        int32_t *items = realloc(numbers->items, (size_t)room * sizeof *items);
        if (!items)
            return 0;
        numbers->items = items;
        numbers->room = room;
    }
    numbers->items[numbers->count++] = number;
    return 1;
}

/* What was found in a text so far. */
typedef struct {
    uint8_t *seen; /* bits, by key */
    Numbers found, waiting;
} Finds;

/* Whether [list[i], list[i + 1]) lies inside an array of `limit` items. */
static inline int is_range(const int32_t *list, int64_t i, Py_ssize_t limit)
{
    return list[i] >= 0 && list[i] <= list[i + 1] && list[i + 1] <= limit;
}

static inline int is_seen(const uint8_t *seen, int64_t key) { return seen[key >> 3] >> (key & 7) & 1; }

/* Takes down a key that stands in the text; gives back what is wrong. Forms of one key are found; longer ones wait for their others. */
static inline const char *take_key(const Forms *forms, Finds *finds, uint64_t hash)
{
    int64_t key = find_key(&forms->keys, hash);
    if (key < 0 || is_seen(finds->seen, key))
        return NULL;
    finds->seen[key >> 3] |= (uint8_t)(1 << (key & 7));
    const uint64_t filed = forms->keys.entries[2 * key + 1];
    const int64_t first = (int64_t)(filed & UINT32_MAX), short_end = first + (int64_t)(filed >> 32 & UINT16_MAX),
                  end = short_end + (int64_t)(filed >> 48);
    if (end > forms->count)
        return BAD_OFFSETS;
    for (int64_t form = first; form < end; form++)
        if (!append(form < short_end ? &finds->found : &finds->waiting, (int32_t)form))
            return NO_MEMORY;
    return NULL;
}

/* A folded text cut into words: the hash of each with the one before, and where it begins. */
typedef struct {
    const uint8_t *text;
    const uint64_t *pairs;
    const int32_t *places;
    Py_ssize_t size, count;
} CutText;

/* Whether a text holds a part, of which the hash of the first two words is known, from the beginning of a word on. */
static int holds_part(const CutText *words, uint64_t first_two, const uint8_t *part, int64_t length)
{
    int64_t lead = 0; /* marks before the first word */
    while (lead < length && part[lead] < 0x80 && !is_letter[part[lead]])
        lead++;
    for (Py_ssize_t i = 1; i < words->count; i++) {
        if (words->pairs[i] != first_two)
            continue;
        int64_t at = words->places[i - 1] - lead;
        if (at >= 0 && at + length <= words->size && !memcmp(words->text + at, part, (size_t)length))
            return 1;
    }
    return 0;
}

#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) ((void)(address))
#endif
#define FAR_AHEAD 16 /* keys whose slots are on their way from memory; of half of them the entries are */

/* Takes down which of some keys, all of which the filter lets pass, stand in the tables; gives back what is wrong. */
static const char *take_keys(const Forms *forms, Finds *finds, const uint64_t *keys, Py_ssize_t count)
{
    const Keys *filed = &forms->keys;
    const char *error = NULL;
    for (Py_ssize_t i = -FAR_AHEAD; i < count && !error; i++) {
        if (i + FAR_AHEAD < count)
            FETCH(filed->slots + (keys[i + FAR_AHEAD] & filed->last));
        if (i + FAR_AHEAD / 2 >= 0 && i + FAR_AHEAD / 2 < count) {
            uint32_t entry = filed->slots[keys[i + FAR_AHEAD / 2] & filed->last];
            if (entry && entry <= (uint64_t)filed->count)
                FETCH(filed->entries + 2 * (entry - 1));
        }
        if (i >= 0)
            error = take_key(forms, finds, keys[i]);
    }
    return error;
}

/* Adds those of the waiting forms whose keys and letters all stand in the text to the found ones; gives back what is wrong. */
static const char *take_waiting(const Forms *forms, Finds *finds, const CutText *words)
{
    for (Py_ssize_t i = 0; i < finds->waiting.count; i++) {
        int32_t form = finds->waiting.items[i];
        if (!is_range(forms->need_starts, form, forms->needed))
            return BAD_OFFSETS;
        int32_t at = forms->need_starts[form];
        for (; at < forms->need_starts[form + 1]; at++) {
            if (forms->needs[at] < 0 || forms->needs[at] >= forms->keys.count)
                return BAD_OFFSETS;
            if (!is_seen(finds->seen, forms->needs[at]))
                break;
        }
        if (at < forms->need_starts[form + 1])
            continue;
        if (!is_range(forms->literal_starts, form, forms->letters))
            return BAD_OFFSETS;
        const int32_t begin = forms->literal_starts[form], first = forms->need_starts[form];
        if (at > first && holds_part(words, forms->keys.entries[2 * forms->needs[first]], forms->literals + begin, forms->literal_starts[form + 1] - begin)
            && !append(&finds->found, form))
            return NO_MEMORY;
    }
    return NULL;
}

#define FOLDED 0x2100      /* code points below it have an entry in `folds` */
#define SEPARATES 0x8000u  /* in `folds`: stands between words */

/* Writes the folded form of the character beyond ASCII at p, no longer than that; gives back the bytes written, 0 if Python must
   say what it is. */
static inline int fold_code(const uint8_t *p, const uint16_t *folds, const uint8_t *caseless, uint8_t *out, int *size, int *separates)
{
    uint32_t code = read_code(p, size), folded = code < FOLDED ? folds[code] & ~SEPARATES : 0;
    *separates = code < FOLDED && folds[code] & SEPARATES;
    if (code >= FOLDED && code < 0x10000 && caseless[code >> 6]) {
        memcpy(out, p, (size_t)*size);
        return *size;
    }
    if (folded && folded < 0x80) {
        out[0] = (uint8_t)folded;
        return 1;
    }
    if (folded && folded < 0x800) {
        out[0] = (uint8_t)(0xC0 | folded >> 6);
        out[1] = (uint8_t)(0x80 | (folded & 0x3F));
        return 2;
    }
    if (folded && *size == 3) {
        out[0] = (uint8_t)(0xE0 | folded >> 12);
        out[1] = (uint8_t)(0x80 | (folded >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (folded & 0x3F));
        return 3;
    }
    return 0;
}

PyDoc_STRVAR(find_forms_doc, "find_forms(text, is_folded, folds, caseless, entries, slots, filter, need_starts, needs, literal_starts, literals):\n"
                             "the numbers of the forms that a text seems to hold, as bytes of int32, each once; None where the text has letters\n"
                             "that must be folded first.\n\n"
                             "folds: uint16, what each code point below 0x2100 folds to, 0x8000 added where it stands between words, 0 where Python\n"
                             "must say; caseless: which blocks of 64 code points of the first plane fold to themselves. entries, slots, filter: of\n"
                             "`file_words`; entries[2 * i + 1] tells which forms are looked at when key i is found: the number of the first, how many\n"
                             "short ones (<< 32) and long ones (<< 48) follow. A long one asks for the keys of its needs, too, and for its literal in\n"
                             "the folded text.");

static PyObject *find_forms(PyObject *module, PyObject *args)
{
    Py_buffer v[10] = {{0}};
    const char *error = NULL;
    int is_folded, is_refused = 0;
    if (!PyArg_ParseTuple(args, "s*py*y*y*y*y*y*y*y*y*", &v[0], &is_folded, &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7],
                          &v[8], &v[9]))
        return NULL;
    const uint8_t *text = v[0].buf, *caseless = v[2].buf;
    const uint16_t *folds = v[1].buf;
    const Py_ssize_t size = v[0].len, table = COUNT(v[4], uint32_t);
    const Keys keys = {v[3].buf, v[4].buf, v[5].buf, (uint64_t)table - 1, 8 * (uint64_t)v[5].len - 1, COUNT(v[3], uint64_t) / 2};
    const Forms forms = {keys, v[6].buf, v[7].buf, v[8].buf, v[9].buf, COUNT(v[6], int32_t) - 1, COUNT(v[7], int32_t), v[9].len};
    if (!is_power_of_two(table) || !is_power_of_two(v[5].len) || forms.keys.count > INT32_MAX || forms.count < 0 || forms.count > INT32_MAX || COUNT(v[1], uint16_t) != FOLDED
        || v[2].len != 0x10000 >> 6 || COUNT(v[8], int32_t) != forms.count + 1)
        return finish(v, 10, 0, BAD_SIZES);
    Finds finds = {NULL, {NULL, 0, 0}, {NULL, 0, 0}};
    uint8_t *folded = NULL;
    uint64_t *words = NULL;
    int32_t *places = NULL;
    Py_BEGIN_ALLOW_THREADS
    finds.seen = calloc((size_t)forms.keys.count / 8 + 1, 1);
    folded = malloc((size_t)size + 8);
    words = malloc(4 * ((size_t)size / 2 + 1) * sizeof *words); /* a word and the mark behind it are two bytes; as many pairs, and keys of both */
    places = malloc(((size_t)size / 2 + 1) * sizeof *places);
    if (!finds.seen || !folded || !words || !places || size > INT32_MAX)
        error = NO_MEMORY;
    Py_ssize_t used = 0, begin = 0, count = 0;
    for (Py_ssize_t at = 0; at <= size && !error && !is_refused;) {
        Py_ssize_t end = used;
        if (at == size) { /* the last word has an end, too */
            at++;
            used++;
        } else if (text[at] < 0x80) {
            folded[used++] = ascii_lower[text[at]];
            if (is_letter[text[at++]])
                continue;
        } else {
            int length = text[at] < 0xE0 ? 2 : text[at] < 0xF0 ? 3 : 4;
            if (length > size - at) {
                error = BAD_TEXT;
                break;
            }
            int separates, written = fold_code(text + at, folds, caseless, folded + used, &length, &separates);
            is_refused = !written && !is_folded;
            if (!written)
                memcpy(folded + used, text + at, (size_t)length);
            used += written ? written : length;
            at += length;
            if (!separates)
                continue;
        }
        if (begin < end) {
            places[count] = (int32_t)begin;
            words[count++] = hash_token(folded + begin, end - begin, folded + size + 8);
        }
        begin = used;
    }
    uint64_t *pairs = words + count;
    if (!error && !is_refused) {
        uint64_t *keys_held = pairs + count;
        Py_ssize_t held = 0;
        for (Py_ssize_t i = 0; i < count; i++) {
            keys_held[held] = words[i];
            held += may_be_filed(&forms.keys, words[i]);
            pairs[i] = i ? join64(words[i - 1], words[i]) : 0;
            keys_held[held] = pairs[i];
            held += i && may_be_filed(&forms.keys, pairs[i]);
        }
        error = take_keys(&forms, &finds, keys_held, held);
    }
    if (!error && !is_refused)
        error = take_waiting(&forms, &finds, &(CutText){folded, pairs, places, used - 1, count});
    free(finds.seen);
    free(finds.waiting.items);
    free(folded);
    free(words);
    free(places);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (is_refused && !error) {
        release(v, 10);
        Py_INCREF(Py_None);
        result = Py_None;
    } else if (error) {
        finish(v, 10, 0, error);
    } else {
        release(v, 10);
        result = PyBytes_FromStringAndSize((const char *)finds.found.items, finds.found.count * (Py_ssize_t)sizeof(int32_t));
    }
    free(finds.found.items);
    return result;
}

PyDoc_STRVAR(weigh_forms_doc, "weigh_forms(numbers, odds, safe, least): of the forms of some numbers (int32), as one tuple, how many have odds (float64)\n"
                              "of `least` or more, what all odds add up to, and whether any is safe (uint8).");

static PyObject *weigh_forms(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    double least, total = 0;
    if (!PyArg_ParseTuple(args, "y*y*y*d", &v[0], &v[1], &v[2], &least))
        return NULL;
    const int32_t *numbers = v[0].buf;
    const double *odds = v[1].buf;
    const uint8_t *safe = v[2].buf;
    const Py_ssize_t forms = COUNT(v[1], double), count = COUNT(v[0], int32_t);
    Py_ssize_t strong = 0, any = 0;
    const char *error = v[2].len == forms ? NULL : BAD_SIZES;
    for (Py_ssize_t i = 0; i < count && !error; i++) {
        if (numbers[i] < 0 || numbers[i] >= forms) {
            error = BAD_OFFSETS;
            break;
        }
        strong += odds[numbers[i]] >= least;
        total += odds[numbers[i]];
        any |= safe[numbers[i]] != 0;
    }
    if (error)
        return finish(v, 3, 0, error);
    release(v, 3);
    return Py_BuildValue("ndO", strong, total, any ? Py_True : Py_False);
}
