/* The compiled kernel: the loops over every byte, word and shingle of a corpus, which NumPy can only do in many passes.

   Each function gives the same bits as the NumPy code it stands in for, named above it; tests compare the two. Bytes come in
   and arrays go out by the buffer protocol; the caller makes the arrays. The global lock is released while a batch is in work,
   so threads use all cores. Only the stable ABI is used: one build serves all later Pythons. Offsets that come in are checked
   before they are followed, so that wrong ones are an error and never a crash.
*/
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The hot loops are compiled for several instruction sets where the dynamic linker can choose among them. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

/* What the compiler does not make of plain loops is written out for processors with AVX2; `has_avx2` says whether this is one. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(PLAIN_LOOPS)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))
static int has_avx2;
#endif

#define LANES 16         /* numbers that loops take side by side */
#define LONGEST_WORD 128 /* code points; text/normal.py */
#define LONGEST_FORM 4   /* words; text/classes.py */
#define BLOCK 256        /* code points of a block of forms */
#define BLOCKS 0x1100
#define HEAD (2 * (BLOCK + 1) + 2 * BLOCK) /* bytes before the forms themselves */
/* What is known of a character's neighbours: text/normal.py, _describe_neighbours */
#define LAST_CLASS 0xFFu
#define REORDERS 0x100u
#define COMPOSES 0x200u
#define TAKES_MARKS 0x400u

static const uint32_t P1 = 0x9E3779B1, P2 = 0x85EBCA77, P3 = 0xC2B2AE3D, P4 = 0x27D4EB2F, P5 = 0x165667B1;

static inline uint32_t rotate(uint32_t x, int bits) { return x << bits | x >> (32 - bits); }

static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint32_t offset_of(const uint8_t *forms, uint32_t place)
{
    return (uint32_t)forms[2 * place] | (uint32_t)forms[2 * place + 1] << 8;
}

static inline uint32_t manner_of(const uint8_t *forms, uint32_t place) { return offset_of(forms + 2 * (BLOCK + 1), place); }

static inline uint64_t load64(const uint8_t *p) { return (uint64_t)load32(p) | (uint64_t)load32(p + 4) << 32; }

/* The finaliser of splitmix64 after each of two numbers. */
static inline uint64_t mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xBF58476D1CE4E5B9u;
    x ^= x >> 27;
    x *= 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

/* The number of items of some size in a buffer. */
#define COUNT(view, type) ((Py_ssize_t)((view).len / (Py_ssize_t)sizeof(type)))

static int is_power_of_two(Py_ssize_t size) { return size > 0 && !(size & (size - 1)); }

static int are_offsets(const int64_t *offsets, Py_ssize_t count, int64_t limit)
{
    if (count < 1 || offsets[0] < 0 || offsets[count - 1] > limit)
        return 0;
    for (Py_ssize_t i = 1; i < count; i++)
        if (offsets[i] < offsets[i - 1])
            return 0;
    return 1;
}

/* Whether a row and its end are among the offsets, and its values among so many. */
static inline int is_row(const int64_t *offsets, Py_ssize_t rows, int64_t limit, int64_t row)
{
    return row >= 0 && row < rows && offsets[row] >= 0 && offsets[row] <= offsets[row + 1] && offsets[row + 1] <= limit;
}

static void release(Py_buffer *views, int count)
{
    for (int i = 0; i < count; i++)
        if (views[i].obj)
            PyBuffer_Release(&views[i]);
}

/* Ends a function: releases the views, and raises or gives back a number. */
static PyObject *finish(Py_buffer *views, int count, Py_ssize_t result, const char *error)
{
    release(views, count);
    if (error) {
        PyErr_SetString(error[0] == '!' ? PyExc_MemoryError : PyExc_ValueError, error[0] == '!' ? error + 1 : error);
        return NULL;
    }
    return PyLong_FromSsize_t(result);
}

static const char *const BAD_SIZES = "the arrays do not fit each other";
static const char *const BAD_OFFSETS = "offsets must ascend and lie inside the array";
static const char *const BAD_TEXT = "the text is no UTF-8 that fits";
static const char *const UNFOLDED = "a text must be folded first: it holds what combines or is not in the forms";
static const char *const NO_MEMORY = "!out of memory";

/* ---- tokens: text/normal.py, tokenize ------------------------------------------------------------------------------- */

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

#define SLACK 40 /* bytes and ends that may be written beyond those that count */

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

/* The next byte of a character beyond ASCII, or the end. */
static inline const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
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

static PyObject *bytearray_of(const void *data, int64_t size)
{
    return PyByteArray_FromStringAndSize(data, (Py_ssize_t)size);
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

PyDoc_STRVAR(combining_doc, "combining(texts, forms): which of a tuple of texts hold characters that combine with their neighbours, as the forms\n"
                            "tell (see tokenize), or have no UTF-8, as bytes of 0 and 1, one a text.");

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
            combines[i] = block && !stands_alone(block, code % BLOCK, &before);
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

/* ---- xxh32 of spans: detect/shingles.py, xxh32_spans ------------------------------------------------------------------ */

static uint32_t xxh32(const uint8_t *p, int64_t size)
{
    const uint8_t *end = p + size;
    uint32_t h = P5;
    if (size >= 16) {
        uint32_t v1 = P1 + P2, v2 = P2, v3 = 0, v4 = 0 - P1;
        for (; end - p >= 16; p += 16) {
            v1 = rotate(v1 + load32(p) * P2, 13) * P1;
            v2 = rotate(v2 + load32(p + 4) * P2, 13) * P1;
            v3 = rotate(v3 + load32(p + 8) * P2, 13) * P1;
            v4 = rotate(v4 + load32(p + 12) * P2, 13) * P1;
        }
        h = rotate(v1, 1) + rotate(v2, 7) + rotate(v3, 12) + rotate(v4, 18);
    }
    h += (uint32_t)size;
    for (; end - p >= 4; p += 4)
        h = rotate(h + load32(p) * P3, 17) * P4;
    for (; p < end; p++)
        h = rotate(h + *p * P5, 11) * P1;
    h = (h ^ h >> 15) * P2;
    h = (h ^ h >> 13) * P3;
    return h ^ h >> 16;
}

#ifdef AVX2

#define SPANS 8 /* hashed side by side */
#define ROTATE8(x, bits) _mm256_or_si256(_mm256_slli_epi32(x, bits), _mm256_srli_epi32(x, 32 - (bits)))
#define TIMES8(x, factor) _mm256_mullo_epi32(x, _mm256_set1_epi32((int)(factor)))
#define PAIR8(low, high) _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(low))), _mm_loadu_si128((const __m128i *)(high)), 1)

AVX2 static void xxh32_side_by_side(const uint8_t *buffer, const int64_t *begins, const int64_t *lengths, uint32_t *hashes)
{
    const uint8_t *at[8];
    __m256i v[4], sizes, step8 = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
    int64_t longest = 0;
    int32_t length[8];
    for (int l = 0; l < 8; l++) {
        at[l] = buffer + begins[l];
        length[l] = (int32_t)lengths[l];
        longest = lengths[l] > longest ? lengths[l] : longest;
    }
    sizes = _mm256_loadu_si256((const __m256i *)length);
    __m256i stripes = _mm256_srli_epi32(sizes, 4);
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_set_epi32((int)(0 - P1), 0, (int)P2, (int)(P1 + P2), (int)(0 - P1), 0, (int)P2, (int)(P1 + P2));
    const __m256i place[4] = {_mm256_set_epi32(4,4,4,4,0,0,0,0), _mm256_set_epi32(5,5,5,5,1,1,1,1), _mm256_set_epi32(6,6,6,6,2,2,2,2), _mm256_set_epi32(7,7,7,7,3,3,3,3)};
    for (int64_t step = 0; step < longest >> 4; step++) {
        __m256i goes_on = _mm256_cmpgt_epi32(stripes, step8);
        for (int i = 0; i < 4; i++) {
            __m256i words = PAIR8(at[i], at[i + 4]);
            __m256i next = TIMES8(ROTATE8(_mm256_add_epi32(v[i], TIMES8(words, P2)), 13), P1);
            v[i] = _mm256_blendv_epi8(v[i], next, _mm256_permutevar8x32_epi32(goes_on, place[i]));
        }
        for (int l = 0; l < 8; l++)
            at[l] += step < length[l] >> 4 ? 16 : 0;
        step8 = _mm256_add_epi32(step8, one);
    }
    const __m256i left = _mm256_set_epi32(18, 12, 7, 1, 18, 12, 7, 1), right = _mm256_sub_epi32(_mm256_set1_epi32(32), left);
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_or_si256(_mm256_sllv_epi32(v[i], left), _mm256_srlv_epi32(v[i], right));
    __m256i h = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    h = _mm256_blendv_epi8(h, _mm256_set1_epi32((int)P5), _mm256_cmpeq_epi32(stripes, _mm256_setzero_si256()));
    h = _mm256_add_epi32(h, sizes);
    __m256i t0 = PAIR8(at[0], at[4]), t1 = PAIR8(at[1], at[5]), t2 = PAIR8(at[2], at[6]), t3 = PAIR8(at[3], at[7]);
    __m256i low01 = _mm256_unpacklo_epi32(t0, t1), low23 = _mm256_unpacklo_epi32(t2, t3);
    __m256i high01 = _mm256_unpackhi_epi32(t0, t1), high23 = _mm256_unpackhi_epi32(t2, t3);
    __m256i word[4] = {_mm256_unpacklo_epi64(low01, low23), _mm256_unpackhi_epi64(low01, low23),
                       _mm256_unpacklo_epi64(high01, high23), _mm256_unpackhi_epi64(high01, high23)};
    __m256i whole = _mm256_and_si256(_mm256_srli_epi32(sizes, 2), _mm256_set1_epi32(3)), rest = _mm256_and_si256(sizes, _mm256_set1_epi32(3));
    __m256i tail = word[0];
    for (int i = 0; i < 3; i++) {
        __m256i next = TIMES8(ROTATE8(_mm256_add_epi32(h, TIMES8(word[i], P3)), 17), P4);
        __m256i taken = _mm256_cmpgt_epi32(whole, _mm256_set1_epi32(i));
        h = _mm256_blendv_epi8(h, next, taken);
        tail = _mm256_blendv_epi8(tail, word[i + 1], taken);
    }
    for (int i = 0; i < 3; i++) {
        __m256i byte = _mm256_and_si256(tail, _mm256_set1_epi32(0xFF));
        __m256i next = TIMES8(ROTATE8(_mm256_add_epi32(h, TIMES8(byte, P5)), 11), P1);
        h = _mm256_blendv_epi8(h, next, _mm256_cmpgt_epi32(rest, _mm256_set1_epi32(i)));
        tail = _mm256_srli_epi32(tail, 8);
    }
    h = TIMES8(_mm256_xor_si256(h, _mm256_srli_epi32(h, 15)), P2);
    h = TIMES8(_mm256_xor_si256(h, _mm256_srli_epi32(h, 13)), P3);
    _mm256_storeu_si256((__m256i *)hashes, _mm256_xor_si256(h, _mm256_srli_epi32(h, 16)));
}

#endif

/* begins and lengths lie inside the buffer. */
static void hash_spans(const uint8_t *buffer, Py_ssize_t size, const int64_t *begins, const int64_t *lengths, Py_ssize_t count, uint32_t *hashes)
{
    Py_ssize_t i = 0;
#ifdef AVX2
    for (; has_avx2 && count - i >= SPANS; i += SPANS) {
        int fits = 1;
        for (int l = 0; l < SPANS; l++)
            fits &= lengths[i + l] < INT32_MAX && begins[i + l] + lengths[i + l] + 16 <= size;
        if (fits)
            xxh32_side_by_side(buffer, begins + i, lengths + i, hashes + i);
        else
            for (int l = 0; l < SPANS; l++)
                hashes[i + l] = xxh32(buffer + begins[i + l], lengths[i + l]);
    }
#endif
    for (; i < count; i++)
        hashes[i] = xxh32(buffer + begins[i], lengths[i]);
}

PyDoc_STRVAR(xxh32_doc, "xxh32_spans(buffer, begins, lengths, hashes): fills uint32 hashes of the spans (int64 begins, lengths).");

static PyObject *xxh32_spans(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*w*", &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const uint8_t *buffer = v[0].buf;
    const int64_t *begins = v[1].buf, *lengths = v[2].buf;
    uint32_t *hashes = v[3].buf;
    Py_ssize_t count = COUNT(v[1], int64_t), size = v[0].len;
    if (COUNT(v[2], int64_t) != count || COUNT(v[3], uint32_t) != count)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        if (begins[i] < 0 || lengths[i] < 0 || lengths[i] > size || begins[i] > size - lengths[i])
            error = BAD_OFFSETS;
    if (!error)
        hash_spans(buffer, size, begins, lengths, count, hashes);
    Py_END_ALLOW_THREADS
    return finish(v, 4, count, error);
}

/* ---- shingles in order: detect/shingles.py, hash_in_order -------------------------------------------------------------- */

/* The hashes of the runs of so many tokens among those from `first` to `last`, in order; their number. */
static Py_ssize_t hash_runs(const uint8_t *buffer, Py_ssize_t size, const int64_t *starts, const int64_t *ends, int64_t first, int64_t last,
                            Py_ssize_t words, uint32_t *hashes)
{
    int64_t count = last - first < words ? last > first : last - first - words + 1;
    for (int64_t done = 0; done < count;) {
        int64_t lengths[512], some = count - done < 512 ? count - done : 512;
        for (int64_t i = 0, from = first + done; i < some; i++, from++)
            lengths[i] = ends[(from + words < last ? from + words : last) - 1] - starts[from];
        hash_spans(buffer, size, starts + first + done, lengths, (Py_ssize_t)some, hashes + done);
        done += some;
    }
    return (Py_ssize_t)count;
}

PyDoc_STRVAR(shingle_doc, "shingle(buffer, starts, ends, documents, words, hashes, counts): fills the xxh32 (uint32) of every run of so many\n"
                          "tokens, and the number of each text's (int64); gives back how many there are.");

static PyObject *shingle(PyObject *module, PyObject *args)
{
    Py_buffer v[6] = {{0}};
    const char *error = NULL;
    Py_ssize_t words;
    if (!PyArg_ParseTuple(args, "y*y*y*y*nw*w*", &v[0], &v[1], &v[2], &v[3], &words, &v[4], &v[5]))
        return NULL;
    const uint8_t *buffer = v[0].buf;
    const int64_t *starts = v[1].buf, *ends = v[2].buf, *documents = v[3].buf;
    uint32_t *hashes = v[4].buf;
    int64_t *counts = v[5].buf;
    Py_ssize_t tokens = COUNT(v[1], int64_t), texts = COUNT(v[3], int64_t) - 1, made = 0;
    if (words < 1 || texts < 0 || COUNT(v[2], int64_t) != tokens || COUNT(v[4], uint32_t) < tokens || COUNT(v[5], int64_t) != texts)
        return finish(v, 6, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(documents, texts + 1, tokens))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < tokens && !error; i++)
        if (starts[i] < (i ? ends[i - 1] : 0) || ends[i] < starts[i] || ends[i] > v[0].len)
            error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        counts[d] = hash_runs(buffer, v[0].len, starts, ends, documents[d], documents[d + 1], words, hashes + made);
        made += (Py_ssize_t)counts[d];
    }
    Py_END_ALLOW_THREADS
    return finish(v, 6, made, error);
}

/* ---- distinct sets: detect/shingles.py, collect_shingles -------------------------------------------------------------- */

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

/* ---- signatures: detect/minhash.py, sign_sets -------------------------------------------------------------------------- */

/* count: a multiple of LANES. Four permutations at a time share the loads. */
FOR_EACH_CPU static void sign_set(const uint32_t *mixed, Py_ssize_t count, const uint32_t *a, const uint32_t *b, uint32_t *out)
{
    uint32_t least0 = ~0u, least1 = ~0u, least2 = ~0u, least3 = ~0u;
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t x = mixed[i];
        uint32_t y0 = a[0] * x + b[0], y1 = a[1] * x + b[1], y2 = a[2] * x + b[2], y3 = a[3] * x + b[3];
        least0 = y0 < least0 ? y0 : least0;
        least1 = y1 < least1 ? y1 : least1;
        least2 = y2 < least2 ? y2 : least2;
        least3 = y3 < least3 ? y3 : least3;
    }
    out[0] = least0, out[1] = least1, out[2] = least2, out[3] = least3;
}

FOR_EACH_CPU static void fmix32(const uint32_t *hashes, Py_ssize_t count, uint32_t *mixed)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        uint32_t x = hashes[i];
        x = (x ^ x >> 16) * 0x85EBCA6Bu;
        x = (x ^ x >> 13) * 0xC2B2AE35u;
        mixed[i] = x ^ x >> 16;
    }
}

/* The signature of a set; `mixed` has room for LANES more numbers than there are. permutations: a multiple of 4. */
static void sign_row(const uint32_t *hashes, Py_ssize_t count, const uint32_t *a, const uint32_t *b, Py_ssize_t permutations, uint32_t *mixed, uint32_t *row)
{
    if (!count) {
        memset(row, 0xFF, (size_t)permutations * sizeof *row);
        return;
    }
    fmix32(hashes, count, mixed);
    for (; count % LANES; count++)
        mixed[count] = mixed[0]; /* once more: the least stays the least */
    for (Py_ssize_t k = 0; k < permutations; k += 4)
        sign_set(mixed, count, a + k, b + k, row + k);
}

PyDoc_STRVAR(sign_doc, "sign(hashes, offsets, a, b, signatures): fills the affine32 signature of each set hashes[offsets[d]:offsets[d + 1]].\n\n"
                       "a, b: uint32, as many as permutations, which must be a multiple of 4.");

static PyObject *sign(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4]))
        return NULL;
    const uint32_t *hashes = v[0].buf, *a = v[2].buf, *b = v[3].buf;
    const int64_t *offsets = v[1].buf;
    uint32_t *signatures = v[4].buf;
    Py_ssize_t texts = COUNT(v[1], int64_t) - 1, permutations = COUNT(v[2], uint32_t);
    if (COUNT(v[3], uint32_t) != permutations || permutations % 4 || texts < 0 || COUNT(v[4], uint32_t) != texts * permutations)
        return finish(v, 5, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t most = 0;
    if (!are_offsets(offsets, texts + 1, COUNT(v[0], uint32_t)))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++)
        most = offsets[d + 1] - offsets[d] > most ? offsets[d + 1] - offsets[d] : most;
    uint32_t *mixed = error ? NULL : malloc(((size_t)most + LANES) * sizeof *mixed);
    if (!error && !mixed)
        error = NO_MEMORY;
    for (Py_ssize_t d = 0; d < texts && !error; d++)
        sign_row(hashes + offsets[d], (Py_ssize_t)(offsets[d + 1] - offsets[d]), a, b, permutations, mixed, signatures + d * permutations);
    free(mixed);
    Py_END_ALLOW_THREADS
    return finish(v, 5, texts, error);
}

/* ---- digests: text/normal.py, digest_texts ---------------------------------------------------------------------------------- */

static const uint64_t BLAKE_START[8] = {0x6A09E667F3BCC908u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u,
                                        0x510E527FADE682D1u, 0x9B05688C2B3E6C1Fu, 0x1F83D9ABFB41BD6Bu, 0x5BE0CD19137E2179u};

#define BLAKE_MIX(a, b, c, d, x, y)                                                                                         \
    do {                                                                                                                    \
        a += b + m[x];                                                                                                      \
        d = ROTATE64(d ^ a, 32);                                                                                            \
        c += d;                                                                                                             \
        b = ROTATE64(b ^ c, 24);                                                                                            \
        a += b + m[y];                                                                                                      \
        d = ROTATE64(d ^ a, 16);                                                                                            \
        c += d;                                                                                                             \
        b = ROTATE64(b ^ c, 63);                                                                                            \
    } while (0)

#define BLAKE_ROUND(i0, i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i12, i13, i14, i15)                                    \
    do {                                                                                                                    \
        BLAKE_MIX(v[0], v[4], v[8], v[12], i0, i1);                                                                         \
        BLAKE_MIX(v[1], v[5], v[9], v[13], i2, i3);                                                                         \
        BLAKE_MIX(v[2], v[6], v[10], v[14], i4, i5);                                                                        \
        BLAKE_MIX(v[3], v[7], v[11], v[15], i6, i7);                                                                        \
        BLAKE_MIX(v[0], v[5], v[10], v[15], i8, i9);                                                                        \
        BLAKE_MIX(v[1], v[6], v[11], v[12], i10, i11);                                                                      \
        BLAKE_MIX(v[2], v[7], v[8], v[13], i12, i13);                                                                       \
        BLAKE_MIX(v[3], v[4], v[9], v[14], i14, i15);                                                                       \
    } while (0)

#define BLAKE_ROUNDS                                                                                                        \
    do {                                                                                                                    \
        BLAKE_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                  \
        BLAKE_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);                                                  \
        BLAKE_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);                                                  \
        BLAKE_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);                                                  \
        BLAKE_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);                                                  \
        BLAKE_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);                                                  \
        BLAKE_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);                                                  \
        BLAKE_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);                                                  \
        BLAKE_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);                                                  \
        BLAKE_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);                                                  \
        BLAKE_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);                                                  \
        BLAKE_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);                                                  \
    } while (0)

#define MESSAGES 4 /* digested side by side */

/* A message of which so much is left; `taken` bytes of it have been read. */
typedef struct {
    const uint8_t *at;
    int64_t left, taken;
    uint8_t last[128]; /* the last block, filled up with zeros */
} Message;

/* The next block of a message, its last one if there is none. */
static inline const uint8_t *next_block(Message *message)
{
    const uint8_t *block = message->left > 128 ? message->at : message->last;
    int64_t size = message->left > 128 ? 128 : message->left;
    message->at += size;
    message->left -= size;
    message->taken += size;
    return block;
}

static int64_t count_blocks(int64_t size) { return size ? (size + 127) / 128 : 1; }

/* One after the other; `h` as BLAKE2b (RFC 7693) starts. */
#define ROTATE64(x, bits) ((x) >> (bits) | (x) << (64 - (bits)))

static void blake_plain(Message *message, uint64_t *h)
{
    for (int64_t block = count_blocks(message->left); block > 0; block--) {
        const uint8_t *p = next_block(message);
        uint64_t m[16], v[16];
        for (int i = 0; i < 16; i++) {
            m[i] = load64(p + 8 * i);
            v[i] = i < 8 ? h[i] : BLAKE_START[i - 8];
        }
        v[12] ^= (uint64_t)message->taken;
        v[14] ^= block == 1 ? ~(uint64_t)0 : 0;
        BLAKE_ROUNDS;
        for (int i = 0; i < 8; i++)
            h[i] ^= v[i] ^ v[i + 8];
    }
}

#ifdef AVX2

typedef uint64_t Lanes64 __attribute__((vector_size(8 * MESSAGES)));

/* Of each message, as long as it has blocks. */
AVX2 static void blake_side_by_side(Message *messages, uint64_t (*h)[8])
{
    int64_t blocks[MESSAGES], most = 0;
    Lanes64 held[8], m[16], v[16], lasts = {0}, goes_on = {0};
    for (int l = 0; l < MESSAGES; l++) {
        blocks[l] = count_blocks(messages[l].left);
        most = blocks[l] > most ? blocks[l] : most;
        for (int i = 0; i < 8; i++)
            held[i][l] = h[l][i];
    }
    for (int64_t block = 0; block < most; block++) {
        const uint8_t *p[MESSAGES];
        for (int l = 0; l < MESSAGES; l++) {
            p[l] = next_block(&messages[l]);
            lasts[l] = block + 1 == blocks[l] ? ~(uint64_t)0 : 0;
            goes_on[l] = block < blocks[l] ? ~(uint64_t)0 : 0;
        }
        for (int i = 0; i < 16; i++)
            m[i] = (Lanes64){load64(p[0] + 8 * i), load64(p[1] + 8 * i), load64(p[2] + 8 * i), load64(p[3] + 8 * i)};
        for (int i = 0; i < 8; i++) {
            v[i] = held[i];
            v[i + 8] = (Lanes64){0} + BLAKE_START[i];
        }
        v[12] ^= (Lanes64){(uint64_t)messages[0].taken, (uint64_t)messages[1].taken, (uint64_t)messages[2].taken, (uint64_t)messages[3].taken};
        v[14] ^= lasts;
        BLAKE_ROUNDS;
        for (int i = 0; i < 8; i++)
            held[i] ^= (v[i] ^ v[i + 8]) & goes_on;
    }
    for (int l = 0; l < MESSAGES; l++)
        for (int i = 0; i < 8; i++)
            h[l][i] = held[i][l];
}

#endif

/* The BLAKE2b digests of 16 bytes of at most MESSAGES spans of a buffer. */
static void digest_spans(const uint8_t *buffer, const int64_t *begins, const int64_t *lengths, int count, uint8_t *digests)
{
    Message messages[MESSAGES];
    uint64_t h[MESSAGES][8];
    for (int l = 0; l < MESSAGES; l++) {
        Message *message = &messages[l];
        message->at = l < count ? buffer + begins[l] : buffer;
        message->left = l < count ? lengths[l] : 0;
        message->taken = 0;
        int64_t rest = message->left - 128 * (count_blocks(message->left) - 1);
        memset(message->last, 0, sizeof message->last);
        memcpy(message->last, message->at + message->left - rest, (size_t)rest);
        memcpy(h[l], BLAKE_START, sizeof h[l]);
        h[l][0] ^= 0x01010000u ^ 16; /* no key, 16 bytes */
    }
#ifdef AVX2
    if (has_avx2)
        blake_side_by_side(messages, h);
    else
#endif
        for (int l = 0; l < count; l++)
            blake_plain(&messages[l], h[l]);
    for (int i = 0; i < 16 * count; i++)
        digests[i] = (uint8_t)(h[i / 16][i / 8 % 2] >> 8 * (i % 8));
}

PyDoc_STRVAR(digest_doc, "digest(buffer, begins, lengths, digests): fills the BLAKE2b digest of 16 bytes of each span (int64 begins, lengths).");

static PyObject *digest(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*w*", &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const int64_t *begins = v[1].buf, *lengths = v[2].buf;
    uint8_t *digests = v[3].buf;
    Py_ssize_t count = COUNT(v[1], int64_t);
    if (COUNT(v[2], int64_t) != count || v[3].len != 16 * count)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++)
        if (begins[i] < 0 || lengths[i] < 0 || lengths[i] > v[0].len || begins[i] > v[0].len - lengths[i])
            error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < count && !error; i += MESSAGES)
        digest_spans(v[0].buf, begins + i, lengths + i, count - i < MESSAGES ? (int)(count - i) : MESSAGES, digests + 16 * i);
    Py_END_ALLOW_THREADS
    return finish(v, 4, count, error);
}

/* ---- all of it at once: detect/profile.py, Profiler ------------------------------------------------------------------------ */

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

/* ---- fingerprints: detect/fingerprints.py, winnow_shingles -------------------------------------------------------------- */

FOR_EACH_CPU static void least_of_pairs(uint64_t *values, Py_ssize_t count, Py_ssize_t step)
{
    for (Py_ssize_t i = 0; i < count; i++)
        values[i] = values[i + step] < values[i] ? values[i + step] : values[i];
}

PyDoc_STRVAR(winnow_doc, "winnow(hashes, counts, steps, window, prints, offsets): fills the fingerprints (uint32) and where each text's begin\n"
                         "(int64); gives back how many there are. steps: int64, the shingles that make up a gram.");

static PyObject *winnow(PyObject *module, PyObject *args)
{
    Py_buffer v[5] = {{0}};
    const char *error = NULL;
    Py_ssize_t window;
    if (!PyArg_ParseTuple(args, "y*y*y*nw*w*", &v[0], &v[1], &v[2], &window, &v[3], &v[4]))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *counts = v[1].buf, *steps = v[2].buf;
    uint32_t *prints = v[3].buf;
    int64_t *offsets = v[4].buf;
    Py_ssize_t texts = COUNT(v[1], int64_t), parts = COUNT(v[2], int64_t), total = COUNT(v[0], uint32_t), kept = 0;
    if (COUNT(v[3], uint32_t) < total || COUNT(v[4], int64_t) != texts + 1 || window < 1 || parts < 1)
        return finish(v, 5, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int64_t most = 0, sum = 0, begin = 0, reach = steps[parts - 1];
    if (!are_offsets(steps, parts, INT32_MAX))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        most = counts[d] > most ? counts[d] : most;
        if (counts[d] < 0 || counts[d] > total - sum)
            error = BAD_OFFSETS;
        else
            sum += counts[d];
    }
    uint64_t *grams = error ? NULL : malloc(((size_t)most + 1) * sizeof *grams);
    uint32_t *chosen = error ? NULL : malloc((2 * (size_t)most + 2) * sizeof *chosen);
    if (!error && (!grams || !chosen))
        error = NO_MEMORY;
    offsets[0] = 0;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        Py_ssize_t length = counts[d] > reach ? (Py_ssize_t)(counts[d] - reach) : 0, found = 0;
        for (Py_ssize_t i = 0; i < length; i++) {
            uint64_t code = 0;
            for (Py_ssize_t s = 0; s < parts; s++)
                code = mix64((code ^ hashes[begin + i + steps[s]]) + 0x9E3779B97F4A7C15u);
            /* the place makes equal grams differ: the first of them is the least */
            grams[i] = code >> 32 << 32 | (uint64_t)i;
        }
        Py_ssize_t reached = window < length ? window : length, windows = length ? length - reached + 1 : 0;
        for (Py_ssize_t size = 1; size < reached;) {
            Py_ssize_t step = size < reached - size ? size : reached - size;
            size += step;
            least_of_pairs(grams, length - size + 1, step);
        }
        for (Py_ssize_t i = 0; i < windows; i++)
            if (!i || grams[i] != grams[i - 1])
                chosen[found++] = (uint32_t)(grams[i] >> 32);
        sort32(chosen, chosen + found, found);
        kept += drop_repeated(chosen, found, prints + kept);
        begin += counts[d];
        offsets[d + 1] = kept;
    }
    free(grams);
    free(chosen);
    Py_END_ALLOW_THREADS
    return finish(v, 5, kept, error);
}

/* ---- sets that are looked up in: detect/verify.py, detect/despun.py, detect/align.py --------------------------------------- */

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

/* ---- verification: detect/verify.py, count_shared ------------------------------------------------------------------------ */

#define UNEVEN 32 /* times as large as the other: then the smaller set is looked up */

typedef struct {
    const uint8_t *table; /* by the upper bits of a hash: whether it may be left out */
    const uint32_t *hashes;
    Py_ssize_t count;
    int shift;
} LeftOut;

static int is_left_out(const LeftOut *out, uint32_t hash)
{
    if (!out->table[hash >> out->shift])
        return 0;
    Py_ssize_t low = bisect(out->hashes, 0, out->count, hash);
    return low < out->count && out->hashes[low] == hash;
}

/* Where the first value of at least `value` stands, from `low` on: steps that double, then bisection. */
static Py_ssize_t gallop(const uint32_t *values, Py_ssize_t low, Py_ssize_t count, uint32_t value)
{
    Py_ssize_t step = 1, high = low;
    while (high < count && values[high] < value) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    return bisect(values, low, high < count ? high : count, value);
}

/* How many values two ascending sets share; and of those, into `own`, how many are not left out. */
static int64_t count_common(const uint32_t *a, Py_ssize_t size_a, const uint32_t *b, Py_ssize_t size_b, const LeftOut *out, int64_t *own)
{
    int64_t shared = 0, omitted = 0;
    if (size_a > size_b)
        return count_common(b, size_b, a, size_a, out, own);
    if (size_b > UNEVEN * size_a) {
        for (Py_ssize_t i = 0, j = 0; i < size_a; i++) {
            j = gallop(b, j, size_b, a[i]);
            if (j < size_b && b[j] == a[i]) {
                shared++;
                omitted += out->table && is_left_out(out, a[i]);
            }
        }
    } else if (!out->table) {
        for (Py_ssize_t i = 0, j = 0; i < size_a && j < size_b;) {
            uint32_t x = a[i], y = b[j];
            shared += x == y;
            i += x <= y;
            j += y <= x;
        }
    } else {
        for (Py_ssize_t i = 0, j = 0; i < size_a && j < size_b;) {
            uint32_t x = a[i], y = b[j];
            if (x == y) {
                shared++;
                omitted += is_left_out(out, x);
            }
            i += x <= y;
            j += y <= x;
        }
    }
    *own = shared - omitted;
    return shared;
}

/* The same, one set being indexed, with which of its values are not left out. No step depends on the one before. */
static int64_t count_indexed(const Index *index, const uint8_t *kept, const uint32_t *values, Py_ssize_t count, int64_t *own)
{
    const uint32_t *keys = index->keys, *starts = index->starts;
    int64_t shared = 0, rest = 0;
    for (Py_ssize_t i = 0; i < count && index->count; i++) {
        uint32_t value = values[i], bucket = value >> index->shift, place = starts[bucket];
        uint32_t first = keys[place] == value, second = keys[place + 1] == value;
        if (starts[bucket + 1] - place > 2) {
            Py_ssize_t found = look_up(index, value);
            first = found >= 0;
            second = 0;
            place = first ? (uint32_t)found : place;
        }
        shared += first | second;
        rest += (first & kept[place]) | (second & kept[place + 1]);
    }
    *own = rest;
    return shared;
}

PyDoc_STRVAR(count_doc, "count_shared(hashes, offsets, a, b, table, left_out, shared, own): fills how many hashes rows a[i] and b[i] share (int64),\n"
                        "and how many of those are not left out. Faster where many a[i] in a row are the same.\n\n"
                        "left_out: uint32, ascending, hashes that do not count; table: bytes, a power of two of them, 1 where a hash\n"
                        "of these upper bits is among them; empty for none.");

static PyObject *count_shared(PyObject *module, PyObject *args)
{
    Py_buffer v[8] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7]))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *offsets = v[1].buf, *a = v[2].buf, *b = v[3].buf;
    int64_t *shared = v[6].buf, *own = v[7].buf, indexed = -1;
    Py_ssize_t rows = COUNT(v[1], int64_t) - 1, pairs = COUNT(v[2], int64_t);
    LeftOut out = {v[4].len ? v[4].buf : NULL, v[5].buf, COUNT(v[5], uint32_t), 32};
    for (Py_ssize_t size = v[4].len; size > 1; size >>= 1)
        out.shift--;
    if (rows < 0 || COUNT(v[3], int64_t) != pairs || COUNT(v[6], int64_t) != pairs || COUNT(v[7], int64_t) != pairs || out.shift < 1
        || out.shift > 31 + !v[4].len || (v[4].len && v[4].len != (Py_ssize_t)1 << (32 - out.shift)))
        return finish(v, 8, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    Index index = {0};
    uint8_t *kept = NULL;
    Py_ssize_t room = 0;
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (!is_row(offsets, rows, COUNT(v[0], uint32_t), a[i]) || !is_row(offsets, rows, COUNT(v[0], uint32_t), b[i])) {
            error = BAD_OFFSETS;
            break;
        }
        const uint32_t *left = hashes + offsets[a[i]], *right = hashes + offsets[b[i]];
        Py_ssize_t size_a = (Py_ssize_t)(offsets[a[i] + 1] - offsets[a[i]]), size_b = (Py_ssize_t)(offsets[b[i] + 1] - offsets[b[i]]);
        if (indexed != a[i] && i + 1 < pairs && a[i + 1] == a[i] && size_a < UINT32_MAX - 2) {
            indexed = a[i];
            if (size_a + 2 > room) {
                free(kept);
                room = 2 * size_a + 64;
                kept = malloc((size_t)room);
            }
            if (!kept || !open_index(&index, size_a)) {
                error = NO_MEMORY;
                break;
            }
            memcpy(index.keys, left, (size_t)size_a * sizeof *left);
            fill_starts(&index);
            for (Py_ssize_t j = 0; j < size_a; j++)
                kept[j] = !out.table || !is_left_out(&out, left[j]);
            kept[size_a] = kept[size_a + 1] = size_a ? kept[size_a - 1] : 0; /* beside the keys behind the last */
        }
        if (indexed == a[i] && size_b <= UNEVEN * size_a)
            shared[i] = count_indexed(&index, kept, right, size_b, &own[i]);
        else
            shared[i] = count_common(left, size_a, right, size_b, &out, &own[i]);
    }
    free_index(&index);
    free(kept);
    Py_END_ALLOW_THREADS
    return finish(v, 8, pairs, error);
}

/* ---- despun similarity: detect/despun.py, _count ---------------------------------------------------------------------- */

/* A hash of two class tokens that follow each other. */
static inline uint32_t join_codes(uint32_t one, uint32_t other)
{
    uint32_t mixed = one * 0x9E3779B1u;
    mixed = ((mixed ^ mixed >> 15) + other) * 0x85EBCA77u;
    return mixed ^ mixed >> 13;
}

/* The distinct shingles of so many tokens, ascending, into `sorted`, which has room for twice as many; their number. */
static Py_ssize_t collect_codes(const uint32_t *codes, int64_t tokens, uint32_t *sorted)
{
    Py_ssize_t count = tokens > 1 ? (Py_ssize_t)tokens - 1 : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        sorted[i] = join_codes(codes[i], codes[i + 1]);
    sort32(sorted, sorted + count, count);
    return drop_repeated(sorted, count, sorted);
}

/* How many of the indexed shingles so many tokens hold; the stamps tell what was met already: `pair` is another one each time. */
static int64_t count_codes(const Index *index, const uint32_t *codes, int64_t tokens, uint32_t *stamps, uint32_t pair)
{
    int64_t shared = 0;
    for (int64_t i = 0; i + 1 < tokens && index->count; i++) {
        uint32_t value = join_codes(codes[i], codes[i + 1]), bucket = value >> index->shift, place = index->starts[bucket];
        if (index->starts[bucket + 1] - place > 2) {
            Py_ssize_t found = look_up(index, value);
            if (found < 0)
                continue;
            place = (uint32_t)found;
        } else if (index->keys[place] != value) {
            place++;
            if (index->keys[place] != value || place >= index->count)
                continue;
        }
        shared += stamps[place] != pair;
        stamps[place] = pair;
    }
    return shared;
}

PyDoc_STRVAR(count_despun_doc, "count_despun(codes, documents, a, b, common, joined): fills for the rows a[i] and b[i] of tokens the numbers (int64) of the\n"
                               "shingles that both hold, and that one of them holds. Faster where many a[i] in a row are the same.");

static PyObject *count_despun(PyObject *module, PyObject *args)
{
    Py_buffer v[6] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]))
        return NULL;
    const uint32_t *codes = v[0].buf;
    const int64_t *documents = v[1].buf, *a = v[2].buf, *b = v[3].buf;
    int64_t *common = v[4].buf, *joined = v[5].buf, indexed = -1;
    Py_ssize_t rows = COUNT(v[1], int64_t) - 1, pairs = COUNT(v[2], int64_t), tokens = COUNT(v[0], uint32_t);
    int fits = rows >= 0 && pairs < UINT32_MAX - 1;
    for (int i = 3; i < 6; i++)
        fits &= COUNT(v[i], int64_t) == pairs;
    if (!fits)
        return finish(v, 6, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    Index index = {0};
    uint32_t *stamps = NULL, *spare = NULL, *sizes = calloc((size_t)rows + 1, sizeof *sizes); /* of sets, and one more */
    int64_t room = 0;
    error = sizes ? NULL : NO_MEMORY;
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (!is_row(documents, rows, tokens, a[i]) || !is_row(documents, rows, tokens, b[i])) {
            error = BAD_OFFSETS;
            break;
        }
        const uint32_t *left = codes + documents[a[i]], *right = codes + documents[b[i]];
        int64_t size_a = documents[a[i] + 1] - documents[a[i]], size_b = documents[b[i] + 1] - documents[b[i]];
        int64_t most = size_a > size_b ? size_a : size_b;
        if (most + 2 > room) {
            room = 2 * most + 64;
            free(spare);
            free(stamps);
            spare = malloc(2 * (size_t)room * sizeof *spare);
            stamps = calloc((size_t)room, sizeof *stamps);
        }
        if (!spare || !stamps || most > UINT32_MAX - 2) {
            error = NO_MEMORY;
            break;
        }
        if (indexed != a[i]) {
            Py_ssize_t count = collect_codes(left, size_a, spare);
            if (!open_index(&index, count)) {
                error = NO_MEMORY;
                break;
            }
            memcpy(index.keys, spare, (size_t)count * sizeof *spare);
            fill_starts(&index);
            sizes[a[i]] = 1 + (uint32_t)count;
            indexed = a[i];
        }
        if (!sizes[b[i]])
            sizes[b[i]] = 1 + (uint32_t)collect_codes(right, size_b, spare);
        common[i] = count_codes(&index, right, size_b, stamps, (uint32_t)i + 1);
        joined[i] = index.count + (int64_t)sizes[b[i]] - 1 - common[i];
    }
    free_index(&index);
    free(stamps);
    free(sizes);
    free(spare);
    Py_END_ALLOW_THREADS
    return finish(v, 6, pairs, error);
}

/* ---- shared runs: detect/align.py, align_pairs ----------------------------------------------------------------------------------- */

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

/* ---- places of words: text/locate.py, locate_words ------------------------------------------------------------------------------- */

/* A word that is being read: its number, where it begins and where it ends so far, and its code points. */
typedef struct {
    int64_t number, begin, end;
    int points;
} Word;

/* The places of the words asked for that are told by now. */
typedef struct {
    const int64_t *asked, *last;
    int64_t *begins, *ends;
} Answers;

static inline void close_word(Word *word, Answers *answers)
{
    if (word->points && answers->asked < answers->last && *answers->asked == word->number) {
        *answers->begins++ = word->begin;
        *answers->ends++ = word->end;
        answers->asked++;
    }
    word->number += word->points > 0;
    word->points = 0;
}

/* A byte of the folded text that comes from the character at `place`. */
static inline void read_folded(Word *word, Answers *answers, uint8_t byte, int64_t place)
{
    if (byte <= ' ') {
        close_word(word, answers);
        return;
    }
    int begins = (byte & 0xC0) != 0x80;
    if (begins && word->points == LONGEST_WORD)
        close_word(word, answers);
    if (!word->points)
        word->begin = place;
    word->points += begins;
    word->end = place + 1;
}

/* Whether all words asked for, in ascending order, are in the text. Its characters fold apart. */
static int locate_in_text(const Source *source, const uint8_t **forms, Answers answers)
{
    Word word = {0};
    int64_t place = 0;
    for (const uint8_t *p = source->text, *end = p + source->size; p < end && answers.asked < answers.last; place++) {
        if (*p < 0x80) {
            read_folded(&word, &answers, ascii_forms[*p++], place);
            continue;
        }
        int size;
        uint32_t code = read_code(p, &size);
        const uint8_t *block = code / BLOCK < BLOCKS ? forms[code / BLOCK] : NULL;
        if (!block)
            return 0;
        for (uint32_t i = offset_of(block, code % BLOCK), high = offset_of(block, code % BLOCK + 1); i < high; i++)
            read_folded(&word, &answers, block[HEAD + i], place);
        p += size;
    }
    close_word(&word, &answers);
    return answers.asked == answers.last;
}

PyDoc_STRVAR(locate_doc, "locate(texts, forms, words, bounds, begins, ends): fills the places (int64, in code points) of words of each text's normal\n"
                         "form: of text d those numbered words[bounds[d]:bounds[d + 1]] (int64, ascending). The characters of the texts must fold\n"
                         "apart (see combining).");

static PyObject *locate(PyObject *module, PyObject *args)
{
    PyObject *texts, *blocks;
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "O!O!y*y*w*w*", &PyTuple_Type, &texts, &PyDict_Type, &blocks, &v[0], &v[1], &v[2], &v[3]))
        return NULL;
    const int64_t *words = v[0].buf, *bounds = v[1].buf;
    int64_t *begins = v[2].buf, *ends = v[3].buf;
    Py_ssize_t count = PyTuple_Size(texts), asked = COUNT(v[0], int64_t);
    if (COUNT(v[1], int64_t) != count + 1 || COUNT(v[2], int64_t) != asked || COUNT(v[3], int64_t) != asked)
        return finish(v, 4, 0, BAD_SIZES);
    const uint8_t **forms = gather_forms(blocks);
    Source *sources = forms ? gather_texts(texts, count) : NULL;
    if (!sources) {
        free(forms);
        release(v, 4);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(bounds, count + 1, asked))
        error = BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < count && !error; d++) {
        int64_t low = bounds[d];
        if (!locate_in_text(&sources[d], forms, (Answers){words + low, words + bounds[d + 1], begins + low, ends + low}))
            error = UNFOLDED;
    }
    Py_END_ALLOW_THREADS
    free(sources);
    free(forms);
    return finish(v, 4, count, error);
}

/* ---- hashes that many texts hold: detect/boilerplate.py, _find_repeated ------------------------------------------------------------ */

PyDoc_STRVAR(frequent_doc, "frequent(hashes, part, bits, most): those hashes (uint32) with the number `part` in their upper bits that may stand there\n"
                           "more than `most` times, in their order: a bytearray. All that do are among them.");

static PyObject *frequent(PyObject *module, PyObject *args)
{
    Py_buffer v[1] = {{0}};
    const char *error = NULL;
    Py_ssize_t part, bits, most;
    if (!PyArg_ParseTuple(args, "y*nnn", &v[0], &part, &bits, &most))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    Py_ssize_t total = COUNT(v[0], uint32_t), kept = 0, room = 0;
    if (bits < 0 || bits > 8 || part < 0 || part >> bits)
        return finish(v, 1, 0, BAD_SIZES);
    uint32_t *found = NULL;
    Py_BEGIN_ALLOW_THREADS
    int shift = 31 - (int)bits; /* what is left of a hash, less the upper bits, says where it is counted: 2^24 places at most */
    while (shift > 0 && 32 - (int)bits - shift < 24 && (Py_ssize_t)2 << (32 - (int)bits - shift) < total)
        shift--;
    const uint32_t mask = (uint32_t)(((uint64_t)1 << (32 - (int)bits - shift)) - 1);
    const uint8_t limit = (uint8_t)(most < 0 ? 0 : most > 254 ? 254 : most);
    uint8_t *counts = calloc((size_t)mask + 1, 1);
    error = counts ? NULL : NO_MEMORY;
    for (Py_ssize_t i = 0; i < total && !error; i++)
        if ((uint64_t)hashes[i] >> (32 - bits) == (uint64_t)part) {
            uint8_t *count = &counts[hashes[i] >> shift & mask];
            *count = (uint8_t)(*count + (*count < 255));
        }
    for (Py_ssize_t i = 0; i < total && !error; i++) {
        if ((uint64_t)hashes[i] >> (32 - bits) != (uint64_t)part || counts[hashes[i] >> shift & mask] <= limit)
            continue;
        if (kept == room) {
            room = 2 * room + 4096;
            uint32_t *more = realloc(found, (size_t)room * sizeof *found);
            if (!more) {
                error = NO_MEMORY;
                break;
            }
            found = more;
        }
        found[kept++] = hashes[i];
    }
    free(counts);
    Py_END_ALLOW_THREADS
    PyObject *result = error ? NULL : bytearray_of(found ? (void *)found : "", kept * (int64_t)sizeof *found);
    free(found);
    Py_XDECREF(finish(v, 1, 0, error));
    return result;
}

/* ---- bands: detect/lsh.py, band_keys -------------------------------------------------------------------------------------- */

PyDoc_STRVAR(band_keys_doc, "band_keys(signatures, columns, first, rows, band, keys): fills one uint64 key a row of signatures (uint32) from their\n"
                            "columns `first` to `first + rows`.");

static PyObject *band_keys(PyObject *module, PyObject *args)
{
    Py_buffer v[2] = {{0}};
    Py_ssize_t columns, first, rows;
    unsigned long long band;
    if (!PyArg_ParseTuple(args, "y*nnnKw*", &v[0], &columns, &first, &rows, &band, &v[1]))
        return NULL;
    const uint32_t *signatures = v[0].buf;
    uint64_t *keys = v[1].buf;
    Py_ssize_t count = COUNT(v[1], uint64_t);
    if (columns < 1 || first < 0 || rows < 0 || rows > columns || first > columns - rows || COUNT(v[0], uint32_t) / columns < count)
        return finish(v, 2, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t d = 0; d < count; d++) {
        uint64_t key = band;
        for (Py_ssize_t k = 0; k < rows; k++)
            key = mix64((key ^ signatures[d * columns + first + k]) + 0x9E3779B97F4A7C15u);
        keys[d] = key;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 2, count, NULL);
}

PyDoc_STRVAR(count_equal_doc, "count_equal(signatures, columns, a, b, equal): in how many of the columns each two rows a[i], b[i] agree; all but the\n"
                              "signatures (uint32) int64.");

FOR_EACH_CPU static int64_t count_equal_values(const uint32_t *one, const uint32_t *other, Py_ssize_t count)
{
    uint32_t equal = 0;
    for (Py_ssize_t k = 0; k < count; k++)
        equal += one[k] == other[k];
    return equal;
}

static PyObject *count_equal(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    Py_ssize_t columns;
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*ny*y*w*", &v[0], &columns, &v[1], &v[2], &v[3]))
        return NULL;
    const uint32_t *signatures = v[0].buf;
    const int64_t *a = v[1].buf, *b = v[2].buf;
    int64_t *equal = v[3].buf;
    Py_ssize_t pairs = COUNT(v[1], int64_t);
    if (columns < 1 || COUNT(v[2], int64_t) != pairs || COUNT(v[3], int64_t) != pairs)
        return finish(v, 4, 0, BAD_SIZES);
    const Py_ssize_t rows = COUNT(v[0], uint32_t) / columns;
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (a[i] < 0 || a[i] >= rows || b[i] < 0 || b[i] >= rows)
            error = BAD_OFFSETS;
        else
            equal[i] = count_equal_values(signatures + a[i] * columns, signatures + b[i] * columns, columns);
    }
    Py_END_ALLOW_THREADS
    return finish(v, 4, pairs, error);
}

PyDoc_STRVAR(repeated_doc, "repeated(keys, slots, flags): sets the flags (bytes, zeros) of the keys (uint64) that occur more than once.\n\n"
                           "slots: uint32, zeros, a power of two of them, more than there are keys.");

static PyObject *repeated(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    if (!PyArg_ParseTuple(args, "y*w*w*", &v[0], &v[1], &v[2]))
        return NULL;
    const uint64_t *keys = v[0].buf;
    uint32_t *slots = v[1].buf;
    uint8_t *flags = v[2].buf;
    Py_ssize_t count = COUNT(v[0], uint64_t), table = COUNT(v[1], uint32_t), found = 0;
    if (!is_power_of_two(table) || count >= table || count >= UINT32_MAX || v[2].len != count)
        return finish(v, 3, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t i = 0; i < count; i++) {
        uint64_t slot = keys[i] & ((uint64_t)table - 1);
        uint32_t other;
        while ((other = slots[slot]) && other <= (uint64_t)count && keys[other - 1] != keys[i])
            slot = (slot + 1) & ((uint64_t)table - 1);
        if (other && other <= (uint64_t)count) {
            found += 1 + !flags[other - 1];
            flags[other - 1] = flags[i] = 1;
        } else {
            slots[slot] = (uint32_t)i + 1;
        }
    }
    Py_END_ALLOW_THREADS
    return finish(v, 3, found, NULL);
}

/* ---- class tokens: text/classes.py, ClassMap.despin ------------------------------------------------------------------------ */

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

/* ---- terms: detect/terms.py, extract_terms ------------------------------------------------------------------------------------ */

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

/* ---- rows and their values: detect/columns.py --------------------------------------------------------------------------------- */

/* Whether each of these is the number of a row. */
static int are_rows(const int64_t *rows, Py_ssize_t count, Py_ssize_t limit)
{
    for (Py_ssize_t i = 0; i < count; i++)
        if (rows[i] < 0 || rows[i] >= limit)
            return 0;
    return 1;
}

PyDoc_STRVAR(take_rows_doc, "take_rows(values, size, offsets, rows, taken): copies the values, of so many bytes each, of some rows one after the other.");

static PyObject *take_rows(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    const char *error = NULL;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "y*ny*y*w*", &v[0], &size, &v[1], &v[2], &v[3]))
        return NULL;
    const uint8_t *values = v[0].buf;
    const int64_t *offsets = v[1].buf, *rows = v[2].buf;
    uint8_t *taken = v[3].buf;
    Py_ssize_t count = COUNT(v[2], int64_t), limit = COUNT(v[1], int64_t) - 1, done = 0;
    if (size < 1 || size > 64)
        return finish(v, 4, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(offsets, limit + 1, v[0].len / size) || !are_rows(rows, count, limit))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < count && !error; i++) {
        const Py_ssize_t bytes = (Py_ssize_t)(offsets[rows[i] + 1] - offsets[rows[i]]) * size;
        if (bytes > v[3].len - done) {
            error = BAD_SIZES;
            break;
        }
        memcpy(taken + done, values + offsets[rows[i]] * size, (size_t)bytes);
        done += bytes;
    }
    if (!error && done != v[3].len)
        error = BAD_SIZES;
    Py_END_ALLOW_THREADS
    return finish(v, 4, done / size, error);
}

/* How often a value was met, and in which row last; `row` counts from 1, 0 for a slot that is free. */
typedef struct {
    uint32_t value, count;
    int64_t row;
} Met;

/* The slot of a value, or the free one where it would stand. */
static Met *find_met(Met *slots, int bits, uint32_t value)
{
    size_t slot = (size_t)(value * P1) >> (32 - bits);
    while (slots[slot].row && slots[slot].value != value)
        slot = (slot + 1) & (((size_t)1 << bits) - 1);
    return slots + slot;
}

/* Twice the slots; 0 if there is no memory. */
static int double_slots(Met **slots, int *bits)
{
    Met *wider = calloc((size_t)2 << *bits, sizeof *wider);
    if (!wider)
        return 0;
    for (size_t i = 0; i < (size_t)1 << *bits; i++)
        if ((*slots)[i].row)
            *find_met(wider, *bits + 1, (*slots)[i].value) = (*slots)[i];
    free(*slots);
    *slots = wider;
    ++*bits;
    return 1;
}

PyDoc_STRVAR(spread_doc, "spread(values, offsets, least, flags): sets the flags (bytes, zeros) of the values (uint32) that so many rows hold at least,\n"
                         "from 1 to 255; gives back how many are flagged.");

/* Most values are rare, and a small table of counts, which values share, tells so; only the others are counted one by one. */
static PyObject *spread(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    const char *error = NULL;
    Py_ssize_t least;
    if (!PyArg_ParseTuple(args, "y*y*nw*", &v[0], &v[1], &least, &v[2]))
        return NULL;
    const uint32_t *values = v[0].buf;
    const int64_t *offsets = v[1].buf;
    uint8_t *flags = v[2].buf;
    Py_ssize_t count = COUNT(v[0], uint32_t), rows = COUNT(v[1], int64_t) - 1, found = 0;
    if (least < 1 || least > 255 || v[2].len != count || rows < 0)
        return finish(v, 3, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    int wide = 12, bits = 8;
    while (wide < 24 && (Py_ssize_t)1 << wide < 2 * count)
        wide++;
    uint8_t *counts = calloc((size_t)1 << wide, 1);
    Met *slots = calloc((size_t)1 << bits, sizeof *slots);
    size_t used = 0;
    if (!counts || !slots)
        error = NO_MEMORY;
    else if (!are_offsets(offsets, rows + 1, count) || offsets[0] || offsets[rows] != count)
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < count && !error; i++) {
        uint8_t *shared = &counts[values[i] * P1 >> (32 - wide)];
        *shared += *shared < least;
    }
    for (Py_ssize_t row = 0; row < rows && !error; row++)
        for (Py_ssize_t i = (Py_ssize_t)offsets[row]; i < offsets[row + 1]; i++) {
            if (counts[values[i] * P1 >> (32 - wide)] < least)
                continue;
            Met *met = find_met(slots, bits, values[i]);
            if (met->row == row + 1)
                continue;
            if (!met->row && 2 * ++used > (size_t)1 << bits) {
                if (bits == 31 || !double_slots(&slots, &bits)) {
                    error = NO_MEMORY;
                    break;
                }
                met = find_met(slots, bits, values[i]);
            }
            met->value = values[i];
            met->count += met->count < least;
            met->row = row + 1;
        }
    for (Py_ssize_t i = 0; i < count && !error; i++)
        if (counts[values[i] * P1 >> (32 - wide)] == least) {
            flags[i] = find_met(slots, bits, values[i])->count == least;
            found += flags[i];
        }
    free(counts);
    free(slots);
    Py_END_ALLOW_THREADS
    return finish(v, 3, found, error);
}

/* Sorts by the upper half, `spare` has room for as many. */
static void sort_upper_half(uint64_t *values, uint64_t *spare, Py_ssize_t count)
{
    for (int shift = 32; shift < 64; shift += 8) {
        size_t places[257] = {0};
        for (Py_ssize_t i = 0; i < count; i++)
            places[(values[i] >> shift & 0xFF) + 1]++;
        for (int digit = 0; digit < 256; digit++)
            places[digit + 1] += places[digit];
        for (Py_ssize_t i = 0; i < count; i++)
            spare[places[values[i] >> shift & 0xFF]++] = values[i];
        uint64_t *other = values;
        values = spare;
        spare = other;
    }
}

PyDoc_STRVAR(encode_doc, "encode(values, codes): fills the places (uint32) of the values (uint32) among the distinct ones; gives back those, ascending, and\n"
                         "how often each occurs (bytearrays of uint32 and int64).");

static PyObject *encode(PyObject *module, PyObject *args)
{
    Py_buffer v[2] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*w*", &v[0], &v[1]))
        return NULL;
    const uint32_t *values = v[0].buf;
    uint32_t *codes = v[1].buf;
    Py_ssize_t count = COUNT(v[0], uint32_t), used = 0;
    if (COUNT(v[1], uint32_t) != count || count >= UINT32_MAX)
        return finish(v, 2, 0, BAD_SIZES);
    int bits = 12;
    uint64_t *sorted = NULL;
    uint32_t *distinct = NULL, *ranks = NULL;
    int64_t *counts = NULL;
    Py_BEGIN_ALLOW_THREADS
    Met *slots = calloc((size_t)1 << bits, sizeof *slots);
    error = slots ? NULL : NO_MEMORY;
    for (Py_ssize_t i = 0; i < count && !error; i++) { /* in the order they are met; `row` is the number of a value, from 1 */
        Met *met = find_met(slots, bits, values[i]);
        if (!met->row) {
            if (2 * (size_t)(used + 1) > (size_t)1 << bits) {
                if (bits == 31 || !double_slots(&slots, &bits)) {
                    error = NO_MEMORY;
                    break;
                }
                met = find_met(slots, bits, values[i]);
            }
            met->value = values[i];
            met->row = ++used;
        }
        met->count++;
        codes[i] = (uint32_t)(met->row - 1);
    }
    sorted = malloc((2 * (size_t)used + 1) * sizeof *sorted);
    distinct = malloc(((size_t)used + 1) * sizeof *distinct);
    ranks = malloc(((size_t)used + 1) * sizeof *ranks);
    counts = malloc(((size_t)used + 1) * sizeof *counts);
    if (!sorted || !distinct || !ranks || !counts)
        error = NO_MEMORY;
    for (size_t i = 0; i < (size_t)1 << bits && !error; i++)
        if (slots[i].row)
            sorted[slots[i].row - 1] = (uint64_t)slots[i].value << 32 | (uint64_t)(slots[i].row - 1);
    if (!error)
        sort_upper_half(sorted, sorted + used, used);
    for (Py_ssize_t i = 0; i < used && !error; i++) {
        distinct[i] = (uint32_t)(sorted[i] >> 32);
        ranks[(uint32_t)sorted[i]] = (uint32_t)i;
        counts[i] = find_met(slots, bits, distinct[i])->count;
    }
    for (Py_ssize_t i = 0; i < count && !error; i++)
        codes[i] = ranks[codes[i]];
    free(slots);
    free(sorted);
    free(ranks);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL, *parts[2] = {NULL, NULL};
    if (!error) {
        parts[0] = bytearray_of(distinct, used * (int64_t)sizeof *distinct);
        parts[1] = bytearray_of(counts, used * (int64_t)sizeof *counts);
        if (parts[0] && parts[1])
            result = PyTuple_Pack(2, parts[0], parts[1]);
        Py_XDECREF(parts[0]);
        Py_XDECREF(parts[1]);
    }
    free(distinct);
    free(counts);
    if (error)
        return finish(v, 2, 0, error);
    release(v, 2);
    return result;
}

/* ---- stories: detect/stories.py, _Index ---------------------------------------------------------------------------------------- */

/* The weighted terms of texts, as `_Index` has them. */
typedef struct {
    const uint32_t *codes;
    const int64_t *offsets;
    const uint8_t *naming, *numeric; /* by place, by code */
    Py_ssize_t texts, terms;
} TermIndex;

/* From codes, offsets, naming, numeric. */
static const char *make_term_index(const Py_buffer *v, TermIndex *index)
{
    *index = (TermIndex){v[0].buf, v[1].buf, v[2].buf, v[3].buf, COUNT(v[1], int64_t) - 1, v[3].len};
    Py_ssize_t places = COUNT(v[0], uint32_t);
    if (v[2].len != places)
        return BAD_SIZES;
    return are_offsets(index->offsets, index->texts + 1, places) ? NULL : BAD_OFFSETS;
}

/* The next code that both texts hold, and where it stands in each; 0 at the end. */
static inline int next_common(const TermIndex *index, int64_t *i, int64_t last_i, int64_t *j, int64_t last_j)
{
    while (*i < last_i && *j < last_j) {
        uint32_t x = index->codes[*i], y = index->codes[*j];
        if (x == y)
            return 1;
        *i += x < y;
        *j += y < x;
    }
    return 0;
}

#define SUMS 5 /* of a pair: squares of all shared terms, of names, of numbers; weights of numbers, of names */

PyDoc_STRVAR(compare_terms_doc, "compare_terms(codes, offsets, naming, numeric, weights, squares, a, b, sums): fills five sums (float64) over the terms that\n"
                                "texts a[i] and b[i] share: the squares of all, of names, of numbers, the weights of numbers, of names.");

static PyObject *compare_terms(PyObject *module, PyObject *args)
{
    Py_buffer v[9] = {{0}};
    TermIndex index;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]))
        return NULL;
    const double *weights = v[4].buf, *squares = v[5].buf;
    const int64_t *a = v[6].buf, *b = v[7].buf;
    double *sums = v[8].buf;
    Py_ssize_t pairs = COUNT(v[6], int64_t);
    const char *error = make_term_index(v, &index);
    if (!error && (COUNT(v[4], double) != index.terms || COUNT(v[5], double) != index.terms || COUNT(v[7], int64_t) != pairs || COUNT(v[8], double) != SUMS * pairs))
        error = BAD_SIZES;
    Py_BEGIN_ALLOW_THREADS
    if (!error && (!are_rows(a, pairs, index.texts) || !are_rows(b, pairs, index.texts)))
        error = BAD_OFFSETS;
    for (Py_ssize_t p = 0; p < pairs && !error; p++) {
        double sum[SUMS] = {0};
        int64_t i = index.offsets[a[p]], j = index.offsets[b[p]];
        for (; next_common(&index, &i, index.offsets[a[p] + 1], &j, index.offsets[b[p] + 1]); i++, j++) {
            uint32_t code = index.codes[i];
            if (code >= index.terms) {
                error = BAD_OFFSETS;
                break;
            }
            sum[0] += squares[code];
            if (index.naming[i] & index.naming[j]) {
                sum[1] += squares[code];
                sum[4] += weights[code];
            }
            if (index.numeric[code]) {
                sum[2] += squares[code];
                sum[3] += weights[code];
            }
        }
        memcpy(sums + SUMS * p, sum, sizeof sum);
    }
    Py_END_ALLOW_THREADS
    return finish(v, 9, pairs, error);
}

/* The occurrences of names and numbers of texts. */
typedef struct {
    const uint32_t *sightings, *contexts;
    const int64_t *bounds;
} Sightings;

/* The terms that `text` has in words of its own. */
static int gather_own(const Sightings *seen, int64_t text, int64_t other, HashSet *contexts, Grown *room, HashSet *own, Grown *own_room)
{
    const int64_t first = seen->bounds[text], last = seen->bounds[text + 1], from = seen->bounds[other], to = seen->bounds[other + 1];
    if (!clear_set(contexts, room, to - from) || !clear_set(own, own_room, last - first))
        return 0;
    for (int64_t i = from; i < to; i++)
        add_hash(contexts, seen->contexts[i]);
    for (int64_t i = first; i < last; i++)
        if (!holds(contexts, seen->contexts[i]))
            add_hash(own, seen->sightings[i]);
    return 1;
}

PyDoc_STRVAR(find_evidence_doc, "find_evidence(codes, offsets, naming, numeric, hashes, sightings, contexts, bounds, a, b, counts): the codes of the names and\n"
                                "numbers that texts a[i] and b[i] share and both found out (a bytearray of uint32), and how many each pair has (int64).");

static PyObject *find_evidence(PyObject *module, PyObject *args)
{
    Py_buffer v[11] = {{0}};
    TermIndex index;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10]))
        return NULL;
    const uint32_t *hashes = v[4].buf;
    const Sightings seen = {v[5].buf, v[6].buf, v[7].buf};
    const int64_t *a = v[8].buf, *b = v[9].buf;
    int64_t *counts = v[10].buf;
    Py_ssize_t pairs = COUNT(v[8], int64_t);
    const char *error = make_term_index(v, &index);
    if (!error && (COUNT(v[4], uint32_t) != index.terms || v[5].len != v[6].len || COUNT(v[7], int64_t) != index.texts + 1 || v[9].len != v[8].len || v[10].len != v[8].len))
        error = BAD_SIZES;
    Grown found = {0}, room[3] = {{0}};
    HashSet contexts, ours, theirs;
    Py_BEGIN_ALLOW_THREADS
    if (!error && (!are_rows(a, pairs, index.texts) || !are_rows(b, pairs, index.texts) || !are_offsets(seen.bounds, index.texts + 1, COUNT(v[5], uint32_t))))
        error = BAD_OFFSETS;
    for (Py_ssize_t p = 0; p < pairs && !error; p++) {
        int64_t i = index.offsets[a[p]], j = index.offsets[b[p]];
        counts[p] = 0;
        if (!gather_own(&seen, a[p], b[p], &contexts, &room[0], &ours, &room[1]) || !gather_own(&seen, b[p], a[p], &contexts, &room[0], &theirs, &room[2]))
            error = NO_MEMORY;
        for (; !error && next_common(&index, &i, index.offsets[a[p] + 1], &j, index.offsets[b[p] + 1]); i++, j++) {
            uint32_t code = index.codes[i];
            if (code >= index.terms) {
                error = BAD_OFFSETS;
                break;
            }
            if (!index.numeric[code] && !(index.naming[i] && index.naming[j]))
                continue;
            if (!holds(&ours, hashes[code]) || !holds(&theirs, hashes[code]))
                continue;
            uint32_t *place = grow(&found, sizeof *place);
            if (!place) {
                error = NO_MEMORY;
                break;
            }
            *place = code;
            counts[p]++;
        }
    }
    Py_END_ALLOW_THREADS
    PyObject *result = error ? NULL : bytearray_of(found.data, (int64_t)found.used);
    free(found.data);
    for (int i = 0; i < 3; i++)
        free(room[i].data);
    Py_XDECREF(finish(v, 11, 0, error));
    return result;
}

PyDoc_STRVAR(weigh_texts_doc, "weigh_texts(codes, offsets, cased, named, rare, numeric, squares, naming, norms): fills whether each term of each text counts as a\n"
                              "name there (bytes), and the sums of the squares of all its terms, of those that do, of its numbers (float64, 3 a text).");

static PyObject *weigh_texts(PyObject *module, PyObject *args)
{
    Py_buffer v[9] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8]))
        return NULL;
    const uint32_t *codes = v[0].buf;
    const int64_t *offsets = v[1].buf;
    const uint8_t *cased = v[2].buf, *named = v[3].buf, *rare = v[4].buf, *numeric = v[5].buf;
    const double *squares = v[6].buf;
    uint8_t *naming = v[7].buf;
    double *norms = v[8].buf;
    Py_ssize_t places = COUNT(v[0], uint32_t), texts = COUNT(v[1], int64_t) - 1, terms = COUNT(v[6], double);
    if (texts < 0 || v[2].len != texts || v[3].len != terms || v[4].len != terms || v[5].len != terms || v[7].len != places || COUNT(v[8], double) != 3 * texts)
        return finish(v, 9, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(offsets, texts + 1, places))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < places && !error; i++)
        error = codes[i] < terms ? NULL : BAD_OFFSETS;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        double all = 0, names = 0, numbers = 0;
        for (int64_t i = offsets[d]; i < offsets[d + 1]; i++) {
            const uint32_t code = codes[i];
            naming[i] = named[code] || (rare[code] && !cased[d]);
            all += squares[code];
            names += naming[i] ? squares[code] : 0;
            numbers += numeric[code] ? squares[code] : 0;
        }
        norms[3 * d] = all, norms[3 * d + 1] = names, norms[3 * d + 2] = numbers;
    }
    Py_END_ALLOW_THREADS
    return finish(v, 9, texts, error);
}

/* ---- words as people count them: text/words.py, count_words ------------------------------------------------------------------- */

/* What str.isspace says of ASCII, and beyond it. */
static const uint8_t ascii_white[128] = {['\t'] = 1, ['\n'] = 1, ['\v'] = 1, ['\f'] = 1, ['\r'] = 1, [0x1C] = 1, [0x1D] = 1, [0x1E] = 1, [0x1F] = 1, [' '] = 1};

static int is_white(uint32_t code)
{
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029
           || code == 0x202F || code == 0x205F || code == 0x3000;
}

#ifdef AVX2

/* Which bytes are at most `most`, as unsigned numbers. */
AVX2 static inline __m256i at_most(__m256i bytes, uint8_t most)
{
    return _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8((char)most)), bytes);
}

/* Counts on as long as 32 bytes together hold none with which white space beyond ASCII begins: where it ended. */
AVX2 static const uint8_t *count_wide(const uint8_t *p, const uint8_t *end, int *before, Py_ssize_t *words)
{
    uint32_t in_word = (uint32_t)*before << 31;
    for (; end - p >= 32; p += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
        __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8((char)0xE1));
        __m256i leads = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8((char)0xC2)), at_most(shifted, 2));
        if (_mm256_movemask_epi8(leads))
            break;
        __m256i breaks = at_most(_mm256_sub_epi8(bytes, _mm256_set1_epi8('\t')), '\r' - '\t');
        __m256i spaces = at_most(_mm256_sub_epi8(bytes, _mm256_set1_epi8(0x1C)), ' ' - 0x1C);
        uint32_t white = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(breaks, spaces));
        uint32_t now = ~white;
        *words += __builtin_popcount(now & ~(now << 1 | in_word >> 31));
        in_word = now;
    }
    *before = (int)(in_word >> 31);
    return p;
}

#endif

PyDoc_STRVAR(count_words_doc, "count_words(text): how many words a str has between white space; -1 if it has no UTF-8.");

static PyObject *count_words(PyObject *module, PyObject *text)
{
    Py_ssize_t size, words = 0;
    const uint8_t *p = PyUnicode_Check(text) ? (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &size) : NULL;
    if (!p) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "not a str");
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
            return NULL;
        PyErr_Clear();
        return PyLong_FromLong(-1);
    }
    int before = 0;
    for (const uint8_t *end = p + size; p < end;) {
#ifdef AVX2
        if (has_avx2)
            p = count_wide(p, end, &before, &words);
        while (p < end && (*p & 0xC0) == 0x80) /* the rest of a letter */
            p++;
#endif
        for (const uint8_t *stop = end - p > 32 ? p + 32 : end; p < stop;) {
            int length = 1, in_word = *p < 0x80 ? !ascii_white[*p] : !is_white(read_code(p, &length));
            words += in_word & ~before;
            before = in_word;
            p += length;
        }
    }
    return PyLong_FromSsize_t(words);
}

/* ---- words and pairs of words: repair/sieve.py, Sieve ------------------------------------------------------------------------ */

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

/* The number of a key, -1 if there is none. */
static inline int64_t find_key(const Keys *filed, uint64_t key)
{
    uint64_t bit = bit_of(key, filed->last_bit);
    if (!(filed->filter[bit >> 3] >> (bit & 7) & 1))
        return -1;
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

static int holds_bytes(const uint8_t *text, int64_t size, const uint8_t *part, int64_t length)
{
    const uint8_t *p = text, *last = text + size - length;
    if (length < 4)
        return 0; /* three words and the marks between them are more */
    const uint32_t head = load32(part);
    for (; p <= last && (p = memchr(p, part[0], (size_t)(last - p + 1))); p++)
        if (load32(p) == head && !memcmp(p, part, (size_t)length))
            return 1;
    return 0;
}

/* Adds those of the waiting forms whose keys and letters all stand in the text to the found ones; gives back what is wrong. */
static const char *take_waiting(const Forms *forms, Finds *finds, const uint8_t *folded, int64_t size)
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
        int32_t begin = forms->literal_starts[form];
        if (holds_bytes(folded, size, forms->literals + begin, forms->literal_starts[form + 1] - begin)
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
    if (!PyArg_ParseTuple(args, "y*py*y*y*y*y*y*y*y*y*", &v[0], &is_folded, &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7],
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
    Py_BEGIN_ALLOW_THREADS
    finds.seen = calloc((size_t)forms.keys.count / 8 + 1, 1);
    folded = malloc((size_t)size + 8);
    words = malloc(((size_t)size / 2 + 1) * sizeof *words); /* a word and the mark behind it are two bytes */
    if (!finds.seen || !folded || !words)
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
        if (begin < end)
            words[count++] = hash_token(folded + begin, end - begin, folded + size + 8);
        begin = used;
    }
    /* all at once, for then the loads do not wait for each other */
    for (Py_ssize_t i = 0; i < count && !error && !is_refused; i++) {
        error = take_key(&forms, &finds, words[i]);
        if (i && !error)
            error = take_key(&forms, &finds, join64(words[i - 1], words[i]));
    }
    if (!error && !is_refused)
        error = take_waiting(&forms, &finds, folded, used - 1);
    free(finds.seen);
    free(finds.waiting.items);
    free(folded);
    free(words);
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

/* ---- shapes: repair/shape.py, find_shapes -------------------------------------------------------------------------------------- */

#define MARKED 0x2100 /* code points below it have an entry in `marks`; those above share the one behind */
#define SOUND 0x8000u /* in `marks`: may stand beside its like */

static inline uint32_t entry_of(uint32_t code) { return code < MARKED ? code : MARKED; }

/* Whether the word that ends at a space is that before it over again. */
typedef struct {
    Py_ssize_t begin, size; /* the word before; `begin`: of this one */
} LastWord;

static inline int is_repeated(const uint8_t *text, Py_ssize_t end, LastWord *word)
{
    Py_ssize_t size = end - word->begin;
    int repeated = size && size == word->size && !memcmp(text + word->begin, text + word->begin - size - 1, (size_t)size);
    *word = (LastWord){end + 1, size};
    return repeated;
}

PyDoc_STRVAR(shapes_doc, "shapes(text, classes, table, marks, doubled, neighbours): the bits, all together, of what a text holds.\n\n"
                         "classes: uint8, 256 of them below 16; table: uint32, 4096 of them, by the classes of three bytes in a row.\n"
                         "marks: uint16, by code point below 0x2100, and one for all others; 0x8000 marks what is sound and is no bit.\n"
                         "doubled: the bit of a word that stands twice; neighbours: of two characters beyond ASCII of which one is not sound.");

static PyObject *shapes(PyObject *module, PyObject *args)
{
    Py_buffer v[4] = {{0}};
    unsigned int doubled, neighbours;
    if (!PyArg_ParseTuple(args, "y*y*y*y*II", &v[0], &v[1], &v[2], &v[3], &doubled, &neighbours))
        return NULL;
    const uint8_t *text = v[0].buf, *classes = v[1].buf;
    const uint32_t *table = v[2].buf;
    const uint16_t *marks = v[3].buf;
    const Py_ssize_t size = v[0].len;
    if (v[1].len != 256 || COUNT(v[2], uint32_t) != 4096 || COUNT(v[3], uint16_t) != MARKED + 1)
        return finish(v, 4, 0, BAD_SIZES);
    uint32_t place = 0, bits = 0;
    Py_BEGIN_ALLOW_THREADS
    LastWord word = {0, 0};
    uint32_t before = SOUND; /* the marks of the character before, if it is beyond ASCII */
    for (Py_ssize_t i = 0; i < size; i++) {
        uint8_t byte = text[i];
        place = (place << 4 | (classes[byte] & 15)) & 4095;
        bits |= table[place];
        if (byte < 0x80) {
            bits |= marks[byte];
            before = 0;
            if (byte == ' ' && is_repeated(text, i, &word))
                bits |= doubled;
        } else if (byte >= 0xC0 && size - i >= (byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4)) {
            int length;
            uint32_t here = marks[entry_of(read_code(text + i, &length))];
            if (i && text[i - 1] >= 0x80 && !(before & here & SOUND))
                bits |= neighbours;
            before = here;
            bits |= here;
        }
    }
    Py_END_ALLOW_THREADS
    return finish(v, 4, bits & ~SOUND, NULL);
}

/* ---- spellings: repair/variants.py, flag_variants ------------------------------------------------------------------------------ */

#define LONGEST_NAME 64 /* letters */
#define FEWEST_LETTERS 5

/* A name as it reads when letters that transliteration writes either way are put down to one, and doubled ones to one. */
static int strip_name(uint8_t *name, int size, const uint8_t *rules, Py_ssize_t count)
{
    for (Py_ssize_t rule = 0; rule < count; rule += 3) {
        const uint8_t first = rules[rule], second = rules[rule + 1];
        int kept = 0;
        for (int i = 0; i < size; i++) {
            if (name[i] == first && (second == ' ' || (i + 1 < size && name[i + 1] == second))) {
                name[kept++] = rules[rule + 2];
                i += second != ' ';
            } else {
                name[kept++] = name[i];
            }
        }
        size = kept;
    }
    int kept = 0;
    for (int i = 0; i < size; i++)
        if (!kept || name[kept - 1] != name[i])
            name[kept++] = name[i];
    if (kept > 1 && name[kept - 2] == 'e' && name[kept - 1] == 'i')
        name[--kept - 1] = 'i';
    return kept;
}

/* The letters of the capitalised word at `*at`, in small letters, those beyond ASCII alike; moves on behind it. Gives back how many
   they are, 0 for a word of other capitals or too many letters, -1 where only Python knows what is a letter. */
static int read_name(const uint8_t *text, Py_ssize_t size, Py_ssize_t *at, const uint8_t *letters, uint8_t *name)
{
    int count = 0, is_name = 1;
    for (; *at < size; count++) {
        const uint8_t byte = text[*at];
        int length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        if (length > size - *at)
            break;
        if (byte < 0x80) {
            if ((ascii_lower[byte] < 'a') | (ascii_lower[byte] > 'z'))
                break;
            is_name &= !count || byte == ascii_lower[byte];
        } else {
            uint32_t code = read_code(text + *at, &length);
            if (code >= MARKED)
                return -1;
            if (!letters[code])
                break;
        }
        if (count < LONGEST_NAME)
            name[count] = byte < 0x80 ? ascii_lower[byte] : 0x80;
        *at += length;
    }
    return count > LONGEST_NAME ? -1 : is_name ? count : 0;
}

PyDoc_STRVAR(spellings_doc, "spellings(text, letters, rules): whether a text may spell a name in two ways.\n\n"
                            "letters: uint8, which code points below 0x2100 are letters; rules: three bytes each, two letters (the second may be a\n"
                            "space) and the one that both are put down to.");

static PyObject *spellings(PyObject *module, PyObject *args)
{
    Py_buffer v[3] = {{0}};
    if (!PyArg_ParseTuple(args, "y*y*y*", &v[0], &v[1], &v[2]))
        return NULL;
    const uint8_t *text = v[0].buf, *letters = v[1].buf, *rules = v[2].buf;
    const Py_ssize_t size = v[0].len;
    const char *error = v[1].len != MARKED || v[2].len % 3 ? BAD_SIZES : NULL;
    int varies = 0;
    Py_BEGIN_ALLOW_THREADS
    /* pairs of stripped and full name, by hash; a name and the mark behind it take six bytes at least */
    size_t room = 16;
    while (room < (size_t)size / 3)
        room *= 2;
    uint64_t *known = error ? NULL : calloc(2 * room, sizeof *known);
    if (!error && !known)
        error = NO_MEMORY;
    for (Py_ssize_t at = 0; at < size && !error && !varies;) {
        uint8_t name[LONGEST_NAME];
        while (at < size && (uint8_t)(text[at] - 'A') > 'Z' - 'A')
            at++;
        if (at == size)
            break;
        if (at && text[at - 1] < 0x80 && is_letter[text[at - 1]]) {
            at++;
            continue;
        }
        const Py_ssize_t begin = at;
        int count = read_name(text, size, &at, letters, name);
        varies = count < 0;
        if (count < FEWEST_LETTERS)
            continue;
        const uint64_t spelling = hash_token(text + begin, at - begin, text + size) | 1;
        const uint64_t stripped = hash_token(name, strip_name(name, count, rules, v[2].len), name + LONGEST_NAME) | 1;
        size_t slot = (size_t)stripped >> 1 & (room - 1);
        while (known[2 * slot] && known[2 * slot] != stripped)
            slot = (slot + 1) & (room - 1);
        varies = known[2 * slot] && known[2 * slot + 1] != spelling;
        known[2 * slot] = stripped;
        known[2 * slot + 1] = spelling;
    }
    free(known);
    Py_END_ALLOW_THREADS
    return finish(v, 3, varies, error);
}

/* ---- words in runs: detect/templates.py, _count_shared ------------------------------------------------------------------------- */

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

/* ---- lines of JSON: corpus/bulk.py, read_lines -------------------------------------------------------------------------------- */

#define DEPTH 16  /* objects and lists in each other that are followed */
#define FIELDS 16 /* names that are looked for */

/* A value as it stands in its line: a string without its quotation marks, a number. What null, lists and objects hold is absent. */
typedef struct {
    const uint8_t *begin, *end;
    enum { ABSENT, STRING, ESCAPED, NUMBER, BOOLEAN } kind;
} Value;

typedef struct {
    const char *names[FIELDS];
    Py_ssize_t sizes[FIELDS];
    Py_ssize_t count;
    Value values[FIELDS];
} Fields;

static inline int is_plain(uint8_t byte) { return byte >= 0x20 && byte != '"' && byte != '\\'; }

#ifdef AVX2

AVX2 static const uint8_t *skip_plain_wide(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 32; p += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)p);
        __m256i low = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, _mm256_set1_epi8(0x20)), bytes); /* at least a space */
        __m256i marks = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"')), _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\')));
        uint32_t found = ~(uint32_t)_mm256_movemask_epi8(_mm256_andnot_si256(marks, low));
        if (found)
            return p + __builtin_ctz(found);
    }
    return p;
}

#endif

/* The next byte that ends a string, escapes, or has no place in one; or the end. */
static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
#ifdef AVX2
    if (has_avx2)
        p = skip_plain_wide(p, end);
#endif
    while (p < end && is_plain(*p))
        p++;
    return p;
}

static const uint8_t *skip_space(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The four digits at p, -1 if they are not there. */
static int32_t read_hex(const uint8_t *p, const uint8_t *end)
{
    int32_t code = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

/* Each of these gives where a piece of JSON ends, NULL if it is none; `end` is that of the line. */

static const uint8_t *read_string(const uint8_t *p, const uint8_t *end, Value *value)
{
    if (p == end || *p != '"')
        return NULL;
    value->begin = ++p;
    value->kind = STRING;
    while ((p = skip_plain(p, end)) < end && *p == '\\') {
        value->kind = ESCAPED;
        if (end - p < 2 || !p[1] || !strchr("\"\\/bfnrtu", p[1]) || (p[1] == 'u' && read_hex(p + 2, end) < 0))
            return NULL;
        p += p[1] == 'u' ? 6 : 2;
    }
    value->end = p;
    return p < end && *p == '"' ? p + 1 : NULL;
}

static const uint8_t *skip_digits(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *begin = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > begin ? p : NULL;
}

static const uint8_t *read_number(const uint8_t *p, const uint8_t *end, Value *value)
{
    value->begin = p;
    value->kind = NUMBER;
    p += p < end && *p == '-';
    if (p < end && *p == '0')
        p++;
    else if (!(p = skip_digits(p, end)))
        return NULL;
    if (p < end && *p == '.' && !(p = skip_digits(p + 1, end)))
        return NULL;
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        if (!(p = skip_digits(p, end)))
            return NULL;
    }
    value->end = p;
    return p;
}

static const uint8_t *read_value(const uint8_t *p, const uint8_t *end, Value *value, int depth);

/* An object or a list; of the outermost object the fields asked for. */
static const uint8_t *read_members(const uint8_t *p, const uint8_t *end, Fields *fields, int depth)
{
    const uint8_t close = *p == '{' ? '}' : ']';
    if (depth == DEPTH)
        return NULL;
    p = skip_space(p + 1, end);
    if (p < end && *p == close)
        return p + 1;
    for (;;) {
        Value key = {0}, ignored, *value = &ignored;
        if (close == '}') {
            p = read_string(p, end, &key);
            if (!p || (fields && key.kind == ESCAPED))
                return NULL;
            p = skip_space(p, end);
            if (p == end || *p++ != ':')
                return NULL;
            p = skip_space(p, end);
            for (Py_ssize_t i = 0; fields && i < fields->count; i++)
                if (key.end - key.begin == fields->sizes[i] && !memcmp(key.begin, fields->names[i], (size_t)fields->sizes[i]))
                    value = &fields->values[i];
        }
        p = read_value(p, end, value, depth + 1);
        if (!p)
            return NULL;
        p = skip_space(p, end);
        if (p == end)
            return NULL;
        if (*p == close)
            return p + 1;
        if (*p++ != ',')
            return NULL;
        p = skip_space(p, end);
    }
}

static const uint8_t *read_value(const uint8_t *p, const uint8_t *end, Value *value, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    *value = (Value){0};
    if (p == end)
        return NULL;
    if (*p == '"')
        return read_string(p, end, value);
    if (*p == '{' || *p == '[')
        return read_members(p, end, NULL, depth);
    for (int i = 0; i < 3; i++) {
        size_t size = strlen(words[i]);
        if ((size_t)(end - p) >= size && !memcmp(p, words[i], size)) {
            value->kind = i < 2 ? BOOLEAN : ABSENT;
            return p + size;
        }
    }
    return read_number(p, end, value);
}

/* Writes the UTF-8 of a string's value to `out`, which has room for as much as the string; the end, NULL for a lone surrogate. */
static uint8_t *unescape(const Value *value, uint8_t *out)
{
    for (const uint8_t *p = value->begin, *end = value->end; p < end;) {
        const uint8_t *next = skip_plain(p, end);
        memcpy(out, p, (size_t)(next - p));
        out += next - p;
        if (next == end)
            break;
        p = next + 2;
        if (next[1] != 'u') {
            static const char marks[] = "bfnrt", meant[] = "\b\f\n\r\t";
            const char *mark = strchr(marks, next[1]);
            *out++ = mark ? (uint8_t)meant[mark - marks] : next[1];
            continue;
        }
        int32_t code = read_hex(p, end), low;
        p += 4;
        if (code >= 0xD800 && code < 0xE000) {
            low = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? read_hex(p + 2, end) : -1;
            if (code >= 0xDC00 || low < 0xDC00 || low >= 0xE000)
                return NULL;
            code = 0x10000 + ((code - 0xD800) << 10 | (low - 0xDC00));
            p += 6;
        }
        if (code < 0x80) {
            *out++ = (uint8_t)code;
        } else if (code < 0x800) {
            *out++ = (uint8_t)(0xC0 | code >> 6);
            *out++ = (uint8_t)(0x80 | (code & 0x3F));
        } else {
            if (code < 0x10000) {
                *out++ = (uint8_t)(0xE0 | code >> 12);
            } else {
                *out++ = (uint8_t)(0xF0 | code >> 18);
                *out++ = (uint8_t)(0x80 | (code >> 12 & 0x3F));
            }
            *out++ = (uint8_t)(0x80 | (code >> 6 & 0x3F));
            *out++ = (uint8_t)(0x80 | (code & 0x3F));
        }
    }
    return out;
}

/* Puts a field of the line into its list: the first, the text, as bytes, the others as str. 1: done. 0: not plain. -1: an error. */
static int take_field(const Value *value, PyObject *list, int is_text, uint8_t *spare)
{
    const uint8_t *begin = value->begin, *end = value->end;
    if (value->kind == BOOLEAN)
        return 0;
    if (value->kind == ESCAPED) {
        begin = spare;
        if (!(end = unescape(value, spare)))
            return 0;
    }
    Py_ssize_t size = value->kind == ABSENT ? 0 : end - begin;
    if (value->kind != NUMBER && size == 4 && !memcmp(begin, "None", 4)) /* as some crawlers write what is absent */
        size = 0;
    int has_word = 0;
    for (Py_ssize_t i = 0; is_text && !has_word && i < size; i++)
        has_word = begin[i] < 0x80 && ascii_forms[begin[i]] != ' ';
    if (is_text && (value->kind == NUMBER || !has_word))
        return 0;
    const char *bytes = size ? (const char *)begin : "";
    PyObject *item = is_text ? PyBytes_FromStringAndSize(bytes, size) : PyUnicode_DecodeUTF8(bytes, size, NULL);
    int state = item ? PyList_Append(list, item) : -1;
    Py_XDECREF(item);
    return state < 0 ? -1 : 1;
}

/* The end of the line at p, NULL if it is not plain. */
static const uint8_t *read_line(const uint8_t *p, const uint8_t *end, Py_ssize_t limit, Fields *fields)
{
    const uint8_t *stop = memchr(p, '\n', (size_t)(end - p));
    if (!stop || stop + 1 - p > limit || !is_utf8(p, stop))
        return NULL;
    for (Py_ssize_t i = 0; i < fields->count; i++)
        fields->values[i] = (Value){0};
    p = skip_space(p, stop);
    p = p < stop && *p == '{' ? read_members(p, stop, fields, 0) : NULL;
    return p && skip_space(p, stop) == stop ? stop + 1 : NULL;
}

PyDoc_STRVAR(read_lines_doc, "read_lines(chunk, limit, names): the fields of the lines at the start of a chunk, as far as each line is plain: one object of\n"
                             "JSON in UTF-8, of at most `limit` bytes, whose text holds a word.\n\n"
                             "names: a tuple of UTF-8 bytes, the text's first. Returns the ends of the lines (a bytearray of int64) and, for each\n"
                             "name, a list of one value a line: of the text bytes, of others str, empty where there is none.");

static PyObject *read_lines(PyObject *module, PyObject *args)
{
    Py_buffer v[1] = {{0}};
    PyObject *names, *lists = NULL, *result = NULL, *ends = NULL;
    Py_ssize_t limit;
    Fields fields = {{0}};
    if (!PyArg_ParseTuple(args, "y*nO!", &v[0], &limit, &PyTuple_Type, &names))
        return NULL;
    const uint8_t *begin = v[0].buf, *p = begin, *end = begin + v[0].len;
    fields.count = PyTuple_Size(names);
    if (fields.count < 1 || fields.count > FIELDS)
        return finish(v, 1, 0, BAD_SIZES);
    for (Py_ssize_t i = 0; i < fields.count; i++) {
        char *name;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(names, i), &name, &fields.sizes[i]) < 0)
            goto end;
        fields.names[i] = name;
    }
    uint8_t *spare = malloc((size_t)v[0].len + 1);
    lists = PyTuple_New(fields.count);
    ends = PyByteArray_FromStringAndSize(NULL, 0);
    for (Py_ssize_t i = 0; lists && i < fields.count; i++) {
        PyObject *list = PyList_New(0);
        if (!list || PyTuple_SetItem(lists, i, list) < 0)
            goto freed;
    }
    if (!spare || !lists || !ends) {
        if (!spare)
            PyErr_NoMemory();
        goto freed;
    }
    Py_ssize_t lines = 0, room = 0;
    for (const uint8_t *next; p < end && (next = read_line(p, end, limit, &fields)); p = next) {
        int state = take_field(&fields.values[0], PyTuple_GetItem(lists, 0), 1, spare);
        for (Py_ssize_t i = 1; i < fields.count && state == 1; i++) {
            state = take_field(&fields.values[i], PyTuple_GetItem(lists, i), 0, spare);
            if (!state) { /* what was taken of this line is given back */
                for (Py_ssize_t j = 0; j < i; j++)
                    if (PyList_SetSlice(PyTuple_GetItem(lists, j), lines, lines + 1, NULL) < 0)
                        state = -1;
            }
        }
        if (state < 0)
            goto freed;
        if (!state)
            break;
        if (lines == room) {
            room = 2 * room + 256;
            if (PyByteArray_Resize(ends, room * (Py_ssize_t)sizeof(int64_t)) < 0)
                goto freed;
        }
        int64_t place = next - begin;
        memcpy(PyByteArray_AsString(ends) + lines * (Py_ssize_t)sizeof place, &place, sizeof place);
        lines++;
    }
    if (PyByteArray_Resize(ends, lines * (Py_ssize_t)sizeof(int64_t)) == 0)
        result = PyTuple_Pack(2, ends, lists);
freed:
    free(spare);
    Py_XDECREF(lists);
    Py_XDECREF(ends);
end:
    release(v, 1);
    return result;
}

/* ---- the module --------------------------------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"tokenize", tokenize, METH_VARARGS, tokenize_doc},
    {"blocks", blocks, METH_VARARGS, blocks_doc},
    {"combining", combining, METH_VARARGS, combining_doc},
    {"xxh32_spans", xxh32_spans, METH_VARARGS, xxh32_doc},
    {"shingle", shingle, METH_VARARGS, shingle_doc},
    {"collect", collect, METH_VARARGS, collect_doc},
    {"sign", sign, METH_VARARGS, sign_doc},
    {"profile", profile, METH_VARARGS, profile_doc},
    {"winnow", winnow, METH_VARARGS, winnow_doc},
    {"count_shared", count_shared, METH_VARARGS, count_doc},
    {"count_despun", count_despun, METH_VARARGS, count_despun_doc},
    {"align", align, METH_VARARGS, align_doc},
    {"count_marked", count_marked, METH_VARARGS, count_marked_doc},
    {"locate", locate, METH_VARARGS, locate_doc},
    {"frequent", frequent, METH_VARARGS, frequent_doc},
    {"count_equal", count_equal, METH_VARARGS, count_equal_doc},
    {"repeated", repeated, METH_VARARGS, repeated_doc},
    {"band_keys", band_keys, METH_VARARGS, band_keys_doc},
    {"despin", despin, METH_VARARGS, despin_doc},
    {"digest", digest, METH_VARARGS, digest_doc},
    {"sign_classes", sign_classes, METH_VARARGS, sign_classes_doc},
    {"terms", terms, METH_VARARGS, terms_doc},
    {"sieve_words", sieve_words, METH_VARARGS, sieve_words_doc},
    {"take_rows", take_rows, METH_VARARGS, take_rows_doc},
    {"spread", spread, METH_VARARGS, spread_doc},
    {"encode", encode, METH_VARARGS, encode_doc},
    {"weigh_texts", weigh_texts, METH_VARARGS, weigh_texts_doc},
    {"compare_terms", compare_terms, METH_VARARGS, compare_terms_doc},
    {"find_evidence", find_evidence, METH_VARARGS, find_evidence_doc},
    {"match_words", match_words, METH_VARARGS, match_words_doc},
    {"count_words", count_words, METH_O, count_words_doc},
    {"file_words", file_words, METH_VARARGS, file_words_doc},
    {"find_forms", find_forms, METH_VARARGS, find_forms_doc},
    {"shapes", shapes, METH_VARARGS, shapes_doc},
    {"spellings", spellings, METH_VARARGS, spellings_doc},
    {"read_lines", read_lines, METH_VARARGS, read_lines_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    fill_ascii_forms();
#ifdef AVX2
    fill_kept_places();
    has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt");
#endif
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)execute}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "dedupe._kernel", "The compiled kernel; `dedupe/kernel.py` says what it is for.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void)
{
    return PyModuleDef_Init(&definition);
}
