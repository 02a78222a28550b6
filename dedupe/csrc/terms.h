/* Terms: detect/terms.py, extract_terms. */
#pragma once

#include "common.h"
#include "tokens.h"
#include "shingles.h"

/* Of a character: `_describe_characters`. */
#define IS_DECIMAL 1
#define IS_WORDY 2
#define IS_CAPITAL 4

/* Marks of terms, the bit of a figure that tells a date, the share of capitals in a text whose capitals tell names, and the tokens
   on either side of an occurrence that belong to its context: detect/terms.py */
enum { TERM_OTHER, TERM_NUMBER, TERM_CAPITAL };
#define CALENDAR 1
#define NO_CAPITALS 0.005
#define FULL_OF_CAPITALS 0.27
#define AROUND 2

/* An array that grows at its end. */
typedef struct {
    uint8_t *data;
    size_t used, room;
} Grown;

/* The place of so many bytes more, which count from now on; NULL if there is no memory. */
static void *grow(Grown *grown, size_t bytes)
{
    if (!grown->data || grown->room - grown->used < bytes) {
        size_t room = grown->used + bytes + grown->used / 2 + 4096;
        uint8_t *data = realloc(grown->data, room);
        if (!data)
            return NULL;
        grown->data = data;
        grown->room = room;
    }
    grown->used += bytes;
    return grown->data + grown->used - bytes;
}

/* What is known of the characters of the blocks that a batch has; blocks that are missing hold nothing of note. */
typedef struct {
    const uint8_t *blocks[BLOCKS];
} Kinds;

static int gather_kinds(PyObject *blocks, Kinds *kinds)
{
    static const uint8_t none[BLOCK];
    Py_ssize_t place = 0;
    PyObject *key, *value;
    for (int block = 0; block < BLOCKS; block++)
        kinds->blocks[block] = none;
    while (PyDict_Next(blocks, &place, &key, &value)) {
        long block = PyLong_AsLong(key);
        char *bytes = NULL;
        Py_ssize_t size = 0;
        if ((block == -1 && PyErr_Occurred()) || PyBytes_AsStringAndSize(value, &bytes, &size) < 0)
            return 0;
        if (block < 0 || block >= BLOCKS || size != BLOCK) {
            PyErr_SetString(PyExc_ValueError, "not a block of characters");
            return 0;
        }
        kinds->blocks[block] = (const uint8_t *)bytes;
    }
    return 1;
}

/* The character at p, 0 at the end, and where the next begins. */
static inline uint32_t next_code(const uint8_t *p, const uint8_t *end, const uint8_t **next)
{
    int size = 1;
    uint32_t code = p == end ? 0 : *p < 0x80 ? *p : read_code(p, &size);
    *next = p == end ? end : p + size;
    return code;
}

/* The character before p, 0 at the beginning, and where it begins. */
static inline uint32_t code_before(const uint8_t *begin, const uint8_t *p, const uint8_t **at)
{
    const uint8_t *end = p;
    if (p == begin) {
        *at = begin;
        return 0;
    }
    do
        p--;
    while (p > begin && (*p & 0xC0) == 0x80);
    *at = p;
    return next_code(p, end, &end);
}

static inline int kind_of(const Kinds *kinds, uint32_t code)
{
    return code / BLOCK < BLOCKS ? kinds->blocks[code / BLOCK][code % BLOCK] : 0;
}

static inline int is_letter_kind(int kind, uint32_t code) { return (kind & (IS_WORDY | IS_DECIMAL)) == IS_WORDY && code != '_'; }

static inline int separates_digits(uint32_t code)
{
    return code == '.' || code == ',' || code == ':' || code == '\'' || code == '-' || code == 0x2009 || code == 0x202F || code == 0x2019
           || code == 0x2013;
}

static inline int is_gap(uint32_t code) { return code == ' ' || code == 0xA0; }

static inline int goes_on_after(const Kinds *kinds, uint32_t code)
{
    return code == ',' || code == ';' || kind_of(kinds, code) & IS_WORDY;
}

/* Whether what stands before p is inside a sentence: a word, a comma or a semicolon, a space, perhaps an opening mark. */
static int is_inside_sentence(const Kinds *kinds, const uint8_t *begin, const uint8_t *p)
{
    uint32_t code = code_before(begin, p, &p);
    if (is_gap(code)) {
        if (goes_on_after(kinds, code_before(begin, p, &p)))
            return 1;
        return 0;
    }
    if (code != '(' && code != '"' && code != 0x201C && code != 0x2018 && code != '\'')
        return 0;
    return is_gap(code_before(begin, p, &p)) && goes_on_after(kinds, code_before(begin, p, &p));
}

#ifdef AVX2

AVX2 static const uint8_t *skip_lower_wide(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 32; p += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
        __m256i capital = _mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8('A' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('Z' + 1), bytes));
        __m256i digit = _mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8('0' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('9' + 1), bytes));
        uint32_t found = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(capital, digit), bytes));
        if (found)
            return p + __builtin_ctz(found);
    }
    return p;
}

#endif

/* The next digit, capital or byte beyond ASCII, or the end. */
static inline const uint8_t *skip_lower(const uint8_t *p, const uint8_t *end)
{
#ifdef AVX2
    if (has_avx2)
        p = skip_lower_wide(p, end);
#endif
    while (p < end && *p < 0x80 && !is_capital_or_digit[*p])
        p++;
    return p;
}

/* Reads a text once: into `plain` the text with each number as one word, into `capitals` the words that have a capital inside a
   sentence, each before a space. Both have room: twice and one and a half times the size of the text. */
static void read_marks(const Kinds *kinds, const Source *source, Source *plain, uint8_t *out, Source *capitals, uint8_t *names)
{
    const uint8_t *begin = source->text, *p = begin, *end = begin + source->size, *copied = begin, *taken = begin;
    plain->text = out;
    capitals->text = names;
    while ((p = skip_lower(p, end)) < end) {
        const uint8_t *next, *after;
        int kind = kind_of(kinds, next_code(p, end, &next));
        if (kind & IS_DECIMAL) {
            uint32_t code = next_code(next, end, &after);
            int follows = kind_of(kinds, code), joins = separates_digits(code) && kind_of(kinds, next_code(after, end, &after)) & IS_DECIMAL;
            if (joins || is_letter_kind(follows, code)) {
                memcpy(out, copied, (size_t)(next - copied));
                out += next - copied;
                *out++ = joins ? '_' : ' ';
                if (joins)
                    next_code(next, end, &next);
                copied = next;
            }
        } else if (kind & IS_CAPITAL && p >= taken && is_inside_sentence(kinds, begin, p)) {
            const uint8_t *stop = next;
            for (uint32_t code = next_code(stop, end, &after); stop < end && is_letter_kind(kind_of(kinds, code), code); code = next_code(stop, end, &after))
                stop = after;
            if (stop > next) {
                memcpy(names, p, (size_t)(stop - p));
                names += stop - p;
                *names++ = ' ';
                taken = stop;
            }
        }
        p = next;
    }
    memcpy(out, copied, (size_t)(end - copied));
    plain->size = out + (end - copied) - plain->text;
    capitals->size = names - capitals->text;
}

/* A set of hashes, a power of two slots of them; a slot holds a hash and the bit above it, or 0. */
typedef struct {
    uint64_t *slots;
    size_t last;
} HashSet;

/* A set with room for so many hashes, none of them in it; 0 if there is no memory. */
static int clear_set(HashSet *set, Grown *room, int64_t count)
{
    set->last = 15;
    while ((int64_t)set->last < 2 * count)
        set->last = 2 * set->last + 1;
    room->used = 0;
    set->slots = grow(room, (set->last + 1) * sizeof *set->slots);
    if (set->slots)
        memset(set->slots, 0, (set->last + 1) * sizeof *set->slots);
    return set->slots != NULL;
}

static inline int holds(const HashSet *set, uint32_t hash)
{
    size_t slot = hash & set->last;
    while (set->slots[slot]) {
        if ((uint32_t)set->slots[slot] == hash)
            return 1;
        slot = (slot + 1) & set->last;
    }
    return 0;
}

static void add_hash(HashSet *set, uint32_t hash)
{
    size_t slot = hash & set->last;
    while (set->slots[slot] && (uint32_t)set->slots[slot] != hash)
        slot = (slot + 1) & set->last;
    set->slots[slot] = (uint64_t)1 << 32 | hash;
}

/* The tokens of a text, one by one: where they begin, the hash of the term there, 0 if it is none (1, or its mark and 1, if it is).
   Arrays with room for `space`. */
typedef struct {
    Tokenizer t;
    int64_t *starts, *reach;
    uint32_t *hashes;
    uint8_t *useful;
    int64_t space;
} Words;

static void free_words(Words *words)
{
    free(words->t.buffer);
    free(words->t.ends);
    free(words->starts);
    free(words->reach);
    free(words->hashes);
    free(words->useful);
}

static inline int begins_with_digit(const Words *words, int64_t i)
{
    uint8_t lead = words->t.buffer[words->starts[i]];
    return lead >= '0' && lead <= '9';
}

/* hash_terms of one text. 1: done. 0 and -1: as tokenize_text. */
static int hash_words(Words *words, const Source *source)
{
    Tokenizer *t = &words->t;
    t->used = t->tokens = 0;
    int state = source->refused ? 0 : tokenize_text(t, source);
    if (state != 1)
        return state;
    if (t->tokens > words->space) {
        free(words->starts);
        free(words->reach);
        free(words->hashes);
        free(words->useful);
        words->space = 2 * t->tokens;
        words->starts = malloc((size_t)words->space * sizeof *words->starts);
        words->reach = malloc((size_t)words->space * sizeof *words->reach);
        words->hashes = malloc((size_t)words->space * sizeof *words->hashes);
        words->useful = malloc((size_t)words->space);
        if (!words->starts || !words->reach || !words->hashes || !words->useful)
            return -1;
    }
    int before = 0; /* whether the last token was a sign, which may begin a pair */
    for (int64_t i = 0, start = 0; i < t->tokens; start = t->ends[i++] + 1) {
        int64_t length = t->ends[i] - start;
        uint8_t lead = t->buffer[start];
        int sign = (lead >= 0xE0 && length == 3) || (lead >= 0xF0 && length == 4);
        words->starts[i] = start;
        words->reach[i] = length;
        words->useful[i] = !sign && (length > 1 || (lead >= '0' && lead <= '9'));
        if (sign && before) {
            words->reach[i - 1] = t->ends[i] - words->starts[i - 1];
            words->useful[i - 1] = 1;
        }
        before = sign;
    }
    hash_spans(t->buffer, (Py_ssize_t)t->room, words->starts, words->reach, (Py_ssize_t)t->tokens, words->hashes);
    return 1;
}

/* _read_figures of one word. */
static uint32_t read_figure(const uint8_t *word, int64_t size)
{
    int64_t first = -1, last = -1, digits = 0;
    for (int64_t i = 0; i < size; i++) {
        int digit = word[i] >= '0' && word[i] <= '9';
        digits += digit;
        if (digit && word[i] != '0') {
            first = first < 0 ? i : first;
            last = i;
        }
    }
    uint32_t value = first < 0, taken = 0;
    for (int64_t i = first; first >= 0 && i <= last && taken < 6; i++)
        if (word[i] >= '0' && word[i] <= '9') {
            value = 10 * value + (uint32_t)(word[i] - '0');
            taken++;
        }
    int day = size == 1 || (size == 2 && 10 * (word[0] - '0') + word[1] - '0' <= 31);
    int year = size == 4 && ((word[0] == '1' && word[1] == '9') || (word[0] == '2' && word[1] == '0'));
    return value << 1 | (digits == size && (day || year) ? CALENDAR : 0);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum { TERMS, MARKS, OFFSETS, SIGHTINGS, CONTEXTS, BOUNDS, FIGURES, FIGURE_BOUNDS, CASED, TERM_COLUMNS };

/* What one text after the other leaves, and the room it is worked in. */
typedef struct {
    Grown columns[TERM_COLUMNS];
    Words words, names;
    Grown plain, capitals, slots, distinct, numbers, spare;
} TermWork;

static int push_offset(Grown *column, size_t value)
{
    int64_t *place = grow(column, sizeof *place);
    if (place)
        *place = (int64_t)value;
    return place != NULL;
}

/* Where a term stands in a table of the distinct ones, hashes with their marks and 1 above them, or would stand: a number and a word of
   one hash are two. */
static inline uint64_t *find_term(const HashSet *set, uint32_t hash, int number)
{
    size_t slot = hash & set->last;
    while (set->slots[slot] && ((uint32_t)set->slots[slot] != hash || (set->slots[slot] >> 32 == TERM_NUMBER + 1) != (uint64_t)number))
        slot = (slot + 1) & set->last;
    return &set->slots[slot];
}

/* The distinct terms of a text, ascending, with their marks and figures; each token gets the mark of its term. */
static int push_terms(TermWork *work, const HashSet *capitals, int cased)
{
    const Words *words = &work->words;
    const int64_t count = words->t.tokens;
    HashSet distinct;
    work->spare.used = work->numbers.used = 0;
    uint32_t *others = grow(&work->spare, 2 * (size_t)count * sizeof *others);
    uint64_t *numbers = grow(&work->numbers, (size_t)count * sizeof *numbers);
    uint32_t *terms = grow(&work->columns[TERMS], (size_t)count * sizeof *terms);
    uint8_t *marks = grow(&work->columns[MARKS], (size_t)count);
    uint32_t *figures = grow(&work->columns[FIGURES], (size_t)count * sizeof *figures);
    Py_ssize_t some = 0, kept = 0, counted = 0;
    if (!others || !numbers || !terms || !marks || !figures || !clear_set(&distinct, &work->distinct, count))
        return 0;
    for (int64_t i = 0; i < count; i++) {
        if (!words->useful[i])
            continue;
        const uint32_t hash = words->hashes[i];
        const int number = begins_with_digit(words, i);
        uint64_t *slot = find_term(&distinct, hash, number);
        if (!*slot) {
            int mark = number ? TERM_NUMBER : cased && holds(capitals, hash) ? TERM_CAPITAL : TERM_OTHER;
            *slot = (uint64_t)(mark + 1) << 32 | hash;
            if (number)
                numbers[counted++] = (uint64_t)hash << 32 | read_figure(words->t.buffer + words->starts[i], words->t.ends[i] - words->starts[i]);
            else
                others[some++] = hash;
        }
        words->useful[i] = (uint8_t)(*slot >> 32);
    }
    sort32(others, others + some, some);
    qsort(numbers, (size_t)counted, sizeof *numbers, compare_numbers);
    for (Py_ssize_t i = 0, j = 0; i < some || j < counted; kept++) {
        const uint64_t number = j < counted ? numbers[j] >> 32 : UINT64_MAX, other = i < some ? others[i] : UINT64_MAX;
        const uint8_t mark = i < some ? (uint8_t)(*find_term(&distinct, others[i], 0) >> 32) - 1 : 0;
        if (other < number || (other == number && mark < TERM_NUMBER)) {
            terms[kept] = others[i++];
            marks[kept] = mark;
        } else {
            figures[j] = (uint32_t)numbers[j];
            terms[kept] = (uint32_t)(numbers[j++] >> 32);
            marks[kept] = TERM_NUMBER;
        }
    }
    work->columns[TERMS].used -= (size_t)(count - kept) * sizeof *terms;
    work->columns[MARKS].used -= (size_t)(count - kept);
    work->columns[FIGURES].used -= (size_t)(count - counted) * sizeof *figures;
    return push_offset(&work->columns[OFFSETS], work->columns[MARKS].used)
           && push_offset(&work->columns[FIGURE_BOUNDS], work->columns[FIGURES].used / sizeof *figures);
}

/* The occurrences of numbers and capitals, of any term of a text that is not cased, with their contexts. */
static int push_sightings(TermWork *work, int cased)
{
    const Words *words = &work->words;
    const int64_t count = words->t.tokens;
    uint32_t *sightings = grow(&work->columns[SIGHTINGS], (size_t)count * sizeof *sightings);
    uint32_t *contexts = grow(&work->columns[CONTEXTS], (size_t)count * sizeof *contexts);
    work->spare.used = 0;
    int64_t *begins = grow(&work->spare, 2 * (size_t)count * sizeof *begins), *lengths = begins + count;
    Py_ssize_t seen = 0;
    if (!sightings || !contexts || !begins)
        return 0;
    const uint8_t *marks = words->useful; /* and 1 */
    for (int64_t i = 0; i < count; i++) {
        if (!marks[i] || (cased && marks[i] == TERM_OTHER + 1))
            continue;
        if (marks[i] == TERM_NUMBER + 1 && ((i && marks[i - 1] == TERM_NUMBER + 1) || (i + 1 < count && marks[i + 1] == TERM_NUMBER + 1)))
            continue;
        int64_t first = i > AROUND ? i - AROUND : 0, last = i + AROUND < count ? i + AROUND : count - 1;
        sightings[seen] = words->hashes[i];
        begins[seen] = words->starts[first];
        lengths[seen++] = words->t.ends[last] - words->starts[first];
    }
    hash_spans(words->t.buffer, (Py_ssize_t)words->t.room, begins, lengths, seen, contexts);
    work->columns[SIGHTINGS].used -= (size_t)(count - seen) * sizeof *sightings;
    work->columns[CONTEXTS].used -= (size_t)(count - seen) * sizeof *contexts;
    return push_offset(&work->columns[BOUNDS], work->columns[SIGHTINGS].used / sizeof *sightings);
}

/* The terms of one text; `capitals` are those of a text that is folded. 1: done. 0 and -1: as tokenize_text. */
static int push_text(TermWork *work, const Kinds *kinds, const Source *source, const Source *folded_capitals)
{
    Source plain = *source, capitals = *folded_capitals;
    work->plain.used = work->capitals.used = 0;
    if (!source->folded && !source->refused) {
        uint8_t *out = grow(&work->plain, 2 * (size_t)source->size + 1), *names = grow(&work->capitals, 3 * (size_t)source->size / 2 + 1);
        if (!out || !names)
            return -1;
        read_marks(kinds, source, &plain, out, &capitals, names);
    }
    int state = hash_words(&work->words, &plain);
    if (state == 1)
        state = hash_words(&work->names, &capitals);
    if (state != 1)
        return state;
    const int64_t found = work->names.t.tokens, count = work->words.t.tokens;
    HashSet set;
    uint8_t *cased = grow(&work->columns[CASED], 1);
    if (!cased || !clear_set(&set, &work->slots, found))
        return -1;
    for (int64_t i = 0; i < found; i++)
        if (work->names.useful[i])
            add_hash(&set, work->names.hashes[i]);
    *cased = (double)found >= NO_CAPITALS * (double)count && (double)found <= FULL_OF_CAPITALS * (double)count;
    const int is_cased = *cased;
    return push_terms(work, &set, is_cased) && push_sightings(work, is_cased) ? 1 : -1;
}

PyDoc_STRVAR(terms_doc, "terms(texts, capitals, forms, kinds): the columns of the terms of a tuple of texts, as bytearrays.\n\n"
                        "texts and forms: as tokenize takes them, a folded text with each number as one word, and with its words that have a capital\n"
                        "inside a sentence in `capitals`. kinds: by number of a block of 256 code points, bytes of what is known of each.");

static PyObject *terms(PyObject *module, PyObject *args)
{
    PyObject *texts, *names, *blocks, *characters, *result = NULL;
    if (!PyArg_ParseTuple(args, "O!O!O!O!", &PyTuple_Type, &texts, &PyTuple_Type, &names, &PyDict_Type, &blocks, &PyDict_Type, &characters))
        return NULL;
    Py_ssize_t count = PyTuple_Size(texts);
    int state = 1;
    if (PyTuple_Size(names) != count) {
        PyErr_SetString(PyExc_ValueError, BAD_SIZES);
        return NULL;
    }
    TermWork *work = calloc(1, sizeof *work);
    Kinds *kinds = malloc(sizeof *kinds);
    const uint8_t **forms = gather_forms(blocks);
    Source *sources = forms ? gather_texts(texts, count) : NULL, *capitals = sources ? gather_texts(names, count) : NULL;
    if (!capitals || !work || !kinds || !gather_kinds(characters, kinds)) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        goto end;
    }
    Py_BEGIN_ALLOW_THREADS
    work->words.t.forms = work->names.t.forms = forms;
    if (!push_offset(&work->columns[OFFSETS], 0) || !push_offset(&work->columns[BOUNDS], 0) || !push_offset(&work->columns[FIGURE_BOUNDS], 0))
        state = -1;
    for (Py_ssize_t i = 0; i < count && state == 1; i++)
        state = push_text(work, kinds, &sources[i], &capitals[i]);
    Py_END_ALLOW_THREADS
    if (state < 1) {
        state < 0 ? (void)PyErr_NoMemory() : PyErr_SetString(PyExc_ValueError, UNFOLDED);
        goto end;
    }
    result = PyTuple_New(TERM_COLUMNS);
    for (int i = 0; result && i < TERM_COLUMNS; i++) {
        PyObject *column = bytearray_of(work->columns[i].data, (int64_t)work->columns[i].used);
        if (!column || PyTuple_SetItem(result, i, column) < 0)
            Py_CLEAR(result);
    }
end:
    if (work) {
        free_words(&work->words);
        free_words(&work->names);
        Grown *room[] = {&work->plain, &work->capitals, &work->slots, &work->distinct, &work->numbers, &work->spare};
        for (size_t i = 0; i < sizeof room / sizeof *room; i++)
            free(room[i]->data);
        for (int i = 0; i < TERM_COLUMNS; i++)
            free(work->columns[i].data);
    }
    free(work);
    free(kinds);
    free(forms);
    free(sources);
    free(capitals);
    return result;
}

/* Where the word at p ends: a number as it is written, with its separators, or letters; p itself if none begins there. */
static const uint8_t *end_word(const Kinds *kinds, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *next, *after;
    uint32_t code = next_code(p, end, &next);
    int is_number = kind_of(kinds, code) & IS_DECIMAL;
    while (p < end) {
        const int kind = kind_of(kinds, code);
        const int joins = is_number && separates_digits(code) && kind_of(kinds, next_code(next, end, &after)) & IS_DECIMAL;
        if (is_number ? !(kind & IS_DECIMAL) && !joins : (kind & (IS_WORDY | IS_DECIMAL)) != IS_WORDY)
            break;
        p = next;
        code = next_code(p, end, &next);
    }
    return p;
}

PyDoc_STRVAR(sieve_words_doc, "sieve_words(text, wanted, kinds): the words of a str, a list in their order, without most whose term has none of the hashes\n"
                              "wanted (uint32); None if the text has no UTF-8. kinds: as terms takes them.");

/* detect/terms.py, _find_words. Words in ASCII fold to one term each; the others are left to the caller. */
static PyObject *sieve_words(PyObject *module, PyObject *args)
{
    Py_buffer v[1] = {{0}};
    PyObject *text, *characters, *result = NULL;
    if (!PyArg_ParseTuple(args, "Uy*O!", &text, &v[0], &PyDict_Type, &characters))
        return NULL;
    const uint32_t *wanted = v[0].buf;
    Py_ssize_t size = 0, count = COUNT(v[0], uint32_t);
    const uint8_t *p = (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &size), *end = p ? p + size : NULL;
    if (!p && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        release(v, 1);
        Py_RETURN_NONE;
    }
    Kinds *kinds = p ? malloc(sizeof *kinds) : NULL;
    Grown room = {0};
    HashSet set;
    if (!kinds || !clear_set(&set, &room, count)) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        goto end;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        add_hash(&set, wanted[i]);
    result = gather_kinds(characters, kinds) ? PyList_New(0) : NULL;
    while (result && p < end) {
        const uint8_t *stop = end_word(kinds, p, end);
        if (stop == p) {
            next_code(p, end, &p);
            continue;
        }
        uint8_t folded[LONGEST_WORD];
        Py_ssize_t length = stop - p, taken = 0;
        for (; taken < length && length <= LONGEST_WORD && p[taken] < 0x80; taken++)
            folded[taken] = ascii_forms[p[taken]] == ' ' ? '_' : ascii_forms[p[taken]];
        if (taken < length || holds(&set, xxh32(folded, length))) {
            PyObject *word = PyUnicode_DecodeUTF8((const char *)p, length, NULL);
            if (!word || PyList_Append(result, word) < 0)
                Py_CLEAR(result);
            Py_XDECREF(word);
        }
        p = stop;
    }
end:
    free(room.data);
    free(kinds);
    release(v, 1);
    return result;
}
