/* Tokens: text/normal.py, tokenize. */
#pragma once

#include "common.h"

typedef struct {
    const uint8_t *text; /* UTF-8 */
    Py_ssize_t size;
    int folded;  /* taken as it is */
    int refused; /* a lone surrogate has no UTF-8 */
} Source;

typedef struct {
    const uint8_t **forms; /* by number of block: 257 offsets and 256 manners, little-endian, 16 bits each, then the forms in UTF-8 */
    uint8_t *buffer;
    int64_t *ends;
    int64_t used, room;    /* bytes of the buffer */
    int64_t tokens, space; /* ends */
} Tokenizer;

static int make_room(Tokenizer *t, int64_t bytes)
{
    if (t->room - t->used < bytes) {
        int64_t room = t->used + bytes + t->used / 2;
        uint8_t *buffer = realloc(t->buffer, (size_t)room);
        if (!buffer)
            return 0;
        t->buffer = buffer;
        t->room = room;
    }
    if (t->space - t->tokens < bytes / 2 + 2) { /* a token takes two bytes at least */
        int64_t space = 2 * t->tokens + bytes / 4 + 2 > t->tokens + bytes / 2 + 2 ? 2 * t->tokens + bytes / 4 + 2 : t->tokens + bytes / 2 + 2;
        int64_t *ends = realloc(t->ends, (size_t)space * sizeof *ends);
        if (!ends)
            return 0;
        t->ends = ends;
        t->space = space;
    }
    return 1;
}

static uint8_t ascii_forms[128], ascii_lower[128], is_letter[128], is_capital_or_digit[128]; /* is_letter: letters and digits */

static void fill_ascii_forms(void)
{
    for (int c = 0; c < 128; c++) {
        ascii_lower[c] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        is_capital_or_digit[c] = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
        is_letter[c] = (c >= '0' && c <= '9') || (ascii_lower[c] >= 'a' && ascii_lower[c] <= 'z');
        int word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
        ascii_forms[c] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : word ? c : ' ');
    }
}

/* The code point at p and its length in bytes; the text is valid UTF-8, as Python's own strings give it. */
static inline uint32_t read_code(const uint8_t *p, int *size)
{
    if (p[0] < 0xE0) {
        *size = 2;
        return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (p[0] < 0xF0) {
        *size = 3;
        return (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *size = 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

/* Folded text that is being written: the bytes, the ends of the tokens, and whether the last byte was of a word. */
typedef struct {
    uint8_t *buffer;
    int64_t *ends;
    int64_t used, tokens;
    int was_word;
} Folded;

#define SLACK 80 /* bytes and ends that may be written beyond those that count */

#ifdef AVX2

static uint8_t kept_places[256][8];

/* By the bits of eight bytes that are kept: their places, one after the other. */
static void fill_kept_places(void)
{
    for (int bits = 0; bits < 256; bits++)
        for (int place = 0, kept = 0; place < 8; place++)
            if (bits >> place & 1)
                kept_places[bits][kept++] = (uint8_t)place;
}

/* As fold_plain, 32 bytes at a time. */
AVX2 static const uint8_t *fold_ascii(Folded *f, const uint8_t *p, const uint8_t *end)
{
    int64_t used = f->used, tokens = f->tokens;
    uint32_t was_word = (uint32_t)f->was_word;
    while (p < end) {
        uint8_t copy[32];
        int64_t left = end - p;
        __m256i bytes;
        if (left >= 32) {
            bytes = _mm256_loadu_si256((const __m256i *)p);
        } else {
            memset(copy, 0x80, sizeof copy);
            memcpy(copy, p, (size_t)left);
            bytes = _mm256_loadu_si256((const __m256i *)copy);
        }
        uint32_t beyond = (uint32_t)_mm256_movemask_epi8(bytes);
        int taken = beyond ? __builtin_ctz(beyond) : 32;
        if (!taken)
            break;
        uint32_t range = taken == 32 ? ~0u : (1u << taken) - 1;
        __m256i low = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
        __m256i letter = _mm256_and_si256(_mm256_cmpgt_epi8(low, _mm256_set1_epi8('a' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('z' + 1), low));
        __m256i digit = _mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8('0' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('9' + 1), bytes));
        __m256i other = _mm256_or_si256(digit, _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('_')));
        __m256i folded = _mm256_blendv_epi8(_mm256_blendv_epi8(_mm256_set1_epi8(' '), bytes, other), low, letter);
        uint32_t words = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(letter, other)) & range;
        uint32_t kept = (words | words << 1 | was_word) & range;
        was_word = words >> (taken - 1) & 1;
        /* eight at a time, whether there are as many or not: how many there are cannot be foretold */
        int64_t *ends = f->ends + tokens;
        uint32_t spaces = kept & ~words;
        tokens += __builtin_popcount(spaces);
        do {
            for (int i = 0; i < 8; i++) {
                *ends++ = used + __builtin_popcount(kept & (spaces ^ (spaces - 1)) >> 1);
                spaces &= spaces - 1;
            }
        } while (spaces);
        if (kept == ~0u) {
            _mm256_storeu_si256((__m256i *)(f->buffer + used), folded);
            used += 32;
        } else {
            __m128i half[2] = {_mm256_castsi256_si128(folded), _mm256_extracti128_si256(folded, 1)};
            for (int part = 0; part < 4; part++) {
                uint32_t bits = kept >> 8 * part & 0xFF;
                __m128i eight = part & 1 ? _mm_srli_si128(half[part / 2], 8) : half[part / 2];
                __m128i places = _mm_loadl_epi64((const __m128i *)kept_places[bits]);
                _mm_storel_epi64((__m128i *)(f->buffer + used), _mm_shuffle_epi8(eight, places));
                used += __builtin_popcount(bits);
            }
        }
        p += taken;
        if (beyond)
            break;
    }
    f->used = used;
    f->tokens = tokens;
    f->was_word = (int)was_word;
    return p;
}

#ifdef AVX512

/* The same, 64 bytes at a time: what is kept moves together in one step, and so do the places of the spaces. */
AVX512 static const uint8_t *fold_ascii_wide(Folded *f, const uint8_t *p, const uint8_t *end)
{
    static const uint8_t counting[64] = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
        32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i numbers = _mm512_loadu_si512(counting);
    int64_t used = f->used, tokens = f->tokens;
    uint64_t was_word = (uint64_t)f->was_word;
    while (p < end) {
        int64_t left = end - p;
        uint64_t range = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        __m512i bytes = _mm512_maskz_loadu_epi8(range, p);
        uint64_t beyond = _mm512_movepi8_mask(bytes);
        if (beyond)
            range &= (beyond & (0 - beyond)) - 1;
        if (!range)
            break;
        __m512i low = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        uint64_t letter = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(low, _mm512_set1_epi8('a')), _mm512_set1_epi8(26));
        uint64_t digit = _mm512_cmplt_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8('0')), _mm512_set1_epi8(10));
        uint64_t other = digit | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('_'));
        uint64_t words = (letter | other) & range, kept = (words | words << 1 | was_word) & range, spaces = kept & ~words;
        __m512i folded = _mm512_mask_mov_epi8(_mm512_mask_mov_epi8(_mm512_set1_epi8(' '), other, bytes), letter, low);
        _mm512_storeu_si512(f->buffer + used, _mm512_maskz_compress_epi8(kept, folded));
        __m512i places = _mm512_maskz_compress_epi8(_pext_u64(spaces, kept), numbers);
        /* eight at a time, whether there are as many or not */
        int found = __builtin_popcountll(spaces);
        uint8_t behind[64];
        _mm512_storeu_si512(behind, places);
        for (int i = 0; i == 0 || i < found; i += 8) {
            __m512i eight = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(behind + i)));
            _mm512_storeu_si512(f->ends + tokens + i, _mm512_add_epi64(eight, _mm512_set1_epi64(used)));
        }
        tokens += found;
        used += __builtin_popcountll(kept);
        int taken = __builtin_popcountll(range);
        was_word = words >> (taken - 1) & 1;
        p += taken;
        if (beyond)
            break;
    }
    f->used = used;
    f->tokens = tokens;
    f->was_word = (int)was_word;
    return p;
}

#endif

#endif

static inline void take(Folded *f, uint8_t byte)
{
    int in_word = byte > ' ';
    f->buffer[f->used] = byte;
    f->ends[f->tokens] = f->used;
    f->tokens += f->was_word & ~in_word;
    f->used += f->was_word | in_word;
    f->was_word = in_word;
}

/* Takes ASCII characters up to the first byte of another one: where that stands, or the end. */
static const uint8_t *fold_plain(Folded *f, const uint8_t *p, const uint8_t *end)
{
    Folded here = *f; /* in registers */
    for (; p < end && *p < 0x80; p++)
        take(&here, ascii_forms[*p]);
    *f = here;
    return p;
}

static const uint8_t *fold_run(Folded *f, const uint8_t *p, const uint8_t *end)
{
#ifdef AVX2
#ifdef AVX512
    if (has_avx512)
        return fold_ascii_wide(f, p, end);
#endif
    if (has_avx2)
        return fold_ascii(f, p, end);
#endif
    return fold_plain(f, p, end);
}

/* Words of more than LONGEST_WORD code points are cut: the words from `first` on, which begin at byte `begin`. */
static int cut_long_words(Tokenizer *t, int64_t first, int64_t begin)
{
    int64_t size = t->used - begin;
    uint8_t *text = malloc((size_t)size + 1);
    if (!text)
        return 0;
    memcpy(text, t->buffer + begin, (size_t)size);
    t->used = begin;
    t->tokens = first;
    if (!make_room(t, 2 * size + 2)) {
        free(text);
        return 0;
    }
    int points = 0;
    for (int64_t i = 0; i < size; i++) {
        int continues = (text[i] & 0xC0) == 0x80;
        if (text[i] == ' ') {
            points = 0;
            t->ends[t->tokens++] = t->used;
        } else if (!continues && points == LONGEST_WORD) {
            points = 1;
            t->ends[t->tokens++] = t->used;
            t->buffer[t->used++] = ' ';
        } else {
            points += !continues;
        }
        t->buffer[t->used++] = text[i];
    }
    free(text);
    return 1;
}

/* Whether a character folds as if it stood alone, after one of the manner `*before`, which becomes its own. Combining marks are put
   in the order of their classes, and some become one with what stands before them (Unicode Standard Annex 15). */
static inline int stands_alone(const uint8_t *forms, uint32_t place, uint32_t *before)
{
    uint32_t manner = manner_of(forms, place), last = *before;
    if (offset_of(forms, place) < offset_of(forms, place + 1)) /* an invisible one is passed over */
        *before = manner;
    switch (manner & (REORDERS | COMPOSES)) {
    case 0:
        return 1;
    case REORDERS:
        return (last & LAST_CLASS) <= (manner & LAST_CLASS);
    case COMPOSES:
        return !(last & (LAST_CLASS | TAKES_MARKS));
    default:
        return 0;
    }
}

/* 1: done. 0: a character that combines, or that no form tells of. -1: out of memory. */
static int tokenize_text(Tokenizer *t, const Source *source)
{
    const uint8_t *p = source->text, *end = p + source->size;
    int64_t first = t->tokens, begin = t->used;
    if (!make_room(t, source->size + SLACK))
        return -1;
    Folded f = {t->buffer, t->ends, t->used, t->tokens, 0};
    uint32_t before = 0;
    for (; source->folded && p < end; p++)
        take(&f, *p);
    for (const uint8_t *from = p; (p = fold_run(&f, p, end)) < end; from = p) {
        int size;
        before = p > from ? 0 : before;
        uint32_t code = read_code(p, &size);
        p += size;
        const uint8_t *forms = code / BLOCK < BLOCKS ? t->forms[code / BLOCK] : NULL;
        if (!forms || !stands_alone(forms, code % BLOCK, &before))
            return 0;
        uint32_t low = offset_of(forms, code % BLOCK), high = offset_of(forms, code % BLOCK + 1);
        t->used = f.used;
        t->tokens = f.tokens;
        if (!make_room(t, (end - p) + (int64_t)(high - low) + SLACK))
            return -1;
        f.buffer = t->buffer;
        f.ends = t->ends;
        for (const uint8_t *form = forms + HEAD + low; low < high; low++, form++)
            take(&f, *form);
    }
    take(&f, ' ');
    t->used = f.used;
    t->tokens = f.tokens;
    int64_t longest = 0, last = begin;
    for (int64_t i = first; i < t->tokens; i++) {
        longest = t->ends[i] - last > longest ? t->ends[i] - last : longest;
        last = t->ends[i] + 1;
    }
    if (longest > LONGEST_WORD && !cut_long_words(t, first, begin))
        return -1;
    return 1;
}

#ifdef AVX2

AVX2 static const uint8_t *skip_ascii_wide(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 64; p += 64) {
        __m256i low = _mm256_loadu_si256((const __m256i *)p), high = _mm256_loadu_si256((const __m256i *)(p + 32));
        uint64_t beyond = (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 | (uint32_t)_mm256_movemask_epi8(low);
        if (beyond)
            return p + __builtin_ctzll(beyond);
    }
    return p;
}

#endif

/* The next byte of a character beyond ASCII, or the end. */
static inline const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
#ifdef AVX2
    if (has_avx2 && end - p >= 64 && *p < 0x80)
        p = skip_ascii_wide(p, end);
#endif
    while (end - p >= 8 && !(load64(p) & 0x8080808080808080u))
        p += 8;
    while (p < end && *p < 0x80)
        p++;
    return p;
}

/* The length of the UTF-8 character at p, 0 if there is none before `end`: no surrogate, nothing longer than needed. */
static int code_size(const uint8_t *p, const uint8_t *end)
{
    int64_t left = end - p;
    if (p[0] < 0x80)
        return 1;
    int size = p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
    if (!size || left < size)
        return 0;
    for (int i = 1; i < size; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return size;
}

static int is_utf8(const uint8_t *p, const uint8_t *end)
{
    while ((p = skip_ascii(p, end)) < end) {
        int size = code_size(p, end);
        if (!size)
            return 0;
        p += size;
    }
    return 1;
}

/* The texts of a tuple of str or bytes (to be folded) and bytearrays (folded already); to be freed. */
static Source *gather_texts(PyObject *texts, Py_ssize_t count)
{
    Source *sources = calloc((size_t)count + 1, sizeof *sources);
    if (!sources)
        return (Source *)PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *text = PyTuple_GetItem(texts, i);
        const char *bytes = "";
        sources[i].folded = PyByteArray_Check(text);
        if (sources[i].folded) {
            bytes = PyByteArray_AsString(text);
            sources[i].size = PyByteArray_Size(text);
        } else if (PyBytes_Check(text)) {
            bytes = PyBytes_AsString(text);
            sources[i].size = PyBytes_Size(text);
            sources[i].refused = !is_utf8((const uint8_t *)bytes, (const uint8_t *)bytes + sources[i].size);
        } else if (!(bytes = PyUnicode_AsUTF8AndSize(text, &sources[i].size))) {
            if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
                free(sources);
                return NULL;
            }
            PyErr_Clear();
            sources[i].refused = 1;
        }
        if (sources[i].refused) {
            bytes = "";
            sources[i].size = 0;
        }
        sources[i].text = (const uint8_t *)bytes;
    }
    return sources;
}

/* The blocks of forms by their numbers; to be freed. */
static const uint8_t **gather_forms(PyObject *blocks)
{
    const uint8_t **forms = calloc(BLOCKS, sizeof *forms);
    Py_ssize_t place = 0;
    PyObject *key, *value;
    if (!forms)
        return (const uint8_t **)PyErr_NoMemory();
    while (PyDict_Next(blocks, &place, &key, &value)) {
        long block = PyLong_AsLong(key);
        char *bytes = NULL;
        Py_ssize_t size = 0;
        if ((block == -1 && PyErr_Occurred()) || PyBytes_AsStringAndSize(value, &bytes, &size) < 0)
            break;
        int good = block >= 0 && block < BLOCKS && size >= HEAD;
        uint32_t last = 0;
        for (uint32_t i = 0; good && i <= BLOCK; i++) {
            uint32_t offset = offset_of((const uint8_t *)bytes, i);
            good = offset >= last && (Py_ssize_t)offset <= size - HEAD;
            last = offset;
        }
        if (!good) {
            PyErr_SetString(PyExc_ValueError, "not a block of forms");
            break;
        }
        forms[block] = (const uint8_t *)bytes;
    }
    if (PyErr_Occurred()) {
        free(forms);
        return NULL;
    }
    return forms;
}

PyDoc_STRVAR(blocks_doc, "blocks(texts): which blocks of 256 code points beyond ASCII a tuple of texts has, as bytes of 0 and 1.");

static PyObject *blocks(PyObject *module, PyObject *args)
{
    PyObject *texts;
    if (!PyArg_ParseTuple(args, "O!", &PyTuple_Type, &texts))
        return NULL;
    Py_ssize_t count = PyTuple_Size(texts);
    uint8_t met[BLOCKS + 1] = {0};
    Source *sources = gather_texts(texts, count);
    if (!sources)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        const uint8_t *end = sources[i].text + sources[i].size;
        for (const uint8_t *p = skip_ascii(sources[i].text, end); p < end; p = skip_ascii(p, end)) {
            int size;
            uint32_t block = read_code(p, &size) / BLOCK;
            met[block < BLOCKS ? block : BLOCKS] = 1;
            p += size;
        }
    }
    Py_END_ALLOW_THREADS
    free(sources);
    return PyBytes_FromStringAndSize((const char *)met, BLOCKS);
}

#define NOT_TOLD 2 /* text/normal.py */

PyDoc_STRVAR(combining_doc, "combining(texts, forms): which of a tuple of texts hold characters that combine with their neighbours, as the forms\n"
                            "tell (see tokenize), or have no UTF-8, as bytes of 0 and 1, one a text; 2 for a text of which no form tells.");

static PyObject *combining(PyObject *module, PyObject *args)
{
    PyObject *texts, *blocks;
    if (!PyArg_ParseTuple(args, "O!O!", &PyTuple_Type, &texts, &PyDict_Type, &blocks))
        return NULL;
    Py_ssize_t count = PyTuple_Size(texts);
    PyObject *flags = PyByteArray_FromStringAndSize(NULL, count);
    uint8_t *combines = flags ? (uint8_t *)PyByteArray_AsString(flags) : NULL;
    const uint8_t **forms = gather_forms(blocks);
    Source *sources = flags && forms ? gather_texts(texts, count) : NULL;
    if (!sources) {
        free(forms);
        Py_XDECREF(flags);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        const uint8_t *end = sources[i].text + sources[i].size;
        combines[i] = (uint8_t)sources[i].refused;
        uint32_t before = 0;
        for (const uint8_t *p = sources[i].text, *from = p; (p = skip_ascii(p, end)) < end && !combines[i]; from = p) {
            int size;
            uint32_t code = read_code(p, &size);
            const uint8_t *block = code / BLOCK < BLOCKS ? forms[code / BLOCK] : NULL;
            before = p > from ? 0 : before;
            combines[i] = block ? !stands_alone(block, code % BLOCK, &before) : code / BLOCK < BLOCKS ? NOT_TOLD : 0;
            p += size;
        }
    }
    Py_END_ALLOW_THREADS
    free(sources);
    free(forms);
    return flags;
}

PyDoc_STRVAR(tokenize_doc,
             "tokenize(texts, forms): the tokens of a tuple of texts, as (buffer, ends, documents): bytearrays, two of int64.\n\n"
             "texts: str or UTF-8 bytes, or a bytearray of folded text in which all separators are spaces. forms: by number of a block of 256 code\n"
             "points, what these fold to. Raises ValueError for a text with characters that combine or that no form tells of.");

static PyObject *tokenize(PyObject *module, PyObject *args)
{
    PyObject *texts, *blocks, *result = NULL;
    if (!PyArg_ParseTuple(args, "O!O!", &PyTuple_Type, &texts, &PyDict_Type, &blocks))
        return NULL;
    Py_ssize_t count = PyTuple_Size(texts);
    Tokenizer t = {0};
    t.forms = gather_forms(blocks);
    Source *sources = t.forms ? gather_texts(texts, count) : NULL;
    int64_t *documents = calloc((size_t)count + 1, sizeof *documents);
    int state = 1;
    if (!sources)
        goto end;
    Py_BEGIN_ALLOW_THREADS
    int64_t total = 2;
    for (Py_ssize_t i = 0; i < count; i++)
        total += sources[i].size + 1;
    if (!documents || !make_room(&t, total))
        state = -1;
    for (Py_ssize_t i = 0; i < count && state == 1; i++) {
        state = sources[i].refused ? 0 : tokenize_text(&t, &sources[i]);
        documents[i + 1] = t.tokens;
    }
    Py_END_ALLOW_THREADS
    if (state == 1) {
        PyObject *parts[3] = {
            bytearray_of(t.buffer, t.used),
            bytearray_of(t.ends, t.tokens * (int64_t)sizeof *t.ends),
            bytearray_of(documents, (count + 1) * (int64_t)sizeof *documents),
        };
        if (parts[0] && parts[1] && parts[2])
            result = PyTuple_Pack(3, parts[0], parts[1], parts[2]);
        for (int i = 0; i < 3; i++)
            Py_XDECREF(parts[i]);
    } else if (state == 0) {
        PyErr_SetString(PyExc_ValueError, UNFOLDED);
    } else {
        PyErr_NoMemory();
    }
end:
    free(t.buffer);
    free(t.ends);
    free(t.forms);
    free(sources);
    free(documents);
    return result;
}
