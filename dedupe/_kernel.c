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

static uint8_t ascii_forms[128], ascii_lower[128], is_letter[128]; /* is_letter: letters and digits */

static void fill_ascii_forms(void)
{
    for (int c = 0; c < 128; c++) {
        ascii_lower[c] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
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

/* ---- verification: detect/verify.py, count_shared ------------------------------------------------------------------------ */

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
    Py_ssize_t low = 0, high = out->count;
    while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        if (out->hashes[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
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
    high = high < count ? high : count;
    while (low < high) {
        Py_ssize_t middle = low + (high - low) / 2;
        if (values[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t count_common(const uint32_t *a, Py_ssize_t size_a, const uint32_t *b, Py_ssize_t size_b, const LeftOut *out)
{
    int64_t shared = 0;
    if (size_a > size_b)
        return count_common(b, size_b, a, size_a, out);
    if (size_b > 32 * size_a) {
        for (Py_ssize_t i = 0, j = 0; i < size_a; i++) {
            j = gallop(b, j, size_b, a[i]);
            if (j < size_b && b[j] == a[i])
                shared += !out->table || !is_left_out(out, a[i]);
        }
        return shared;
    }
    Py_ssize_t i = 0, j = 0;
    if (!out->table) {
        while (i < size_a && j < size_b) {
            uint32_t x = a[i], y = b[j];
            shared += x == y;
            i += x <= y;
            j += y <= x;
        }
        return shared;
    }
    while (i < size_a && j < size_b) {
        uint32_t x = a[i], y = b[j];
        if (x == y)
            shared += !is_left_out(out, x);
        i += x <= y;
        j += y <= x;
    }
    return shared;
}

PyDoc_STRVAR(count_doc, "count_shared(hashes, offsets, a, b, table, left_out, shared): fills how many hashes rows a[i] and b[i] share (int64).\n\n"
                        "left_out: uint32, ascending, hashes that do not count; table: bytes, a power of two of them, 1 where a hash\n"
                        "of these upper bits is among them; empty for none.");

static PyObject *count_shared(PyObject *module, PyObject *args)
{
    Py_buffer v[7] = {{0}};
    const char *error = NULL;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6]))
        return NULL;
    const uint32_t *hashes = v[0].buf;
    const int64_t *offsets = v[1].buf, *a = v[2].buf, *b = v[3].buf;
    int64_t *shared = v[6].buf;
    Py_ssize_t rows = COUNT(v[1], int64_t) - 1, pairs = COUNT(v[2], int64_t);
    LeftOut out = {v[4].len ? v[4].buf : NULL, v[5].buf, COUNT(v[5], uint32_t), 32};
    for (Py_ssize_t size = v[4].len; size > 1; size >>= 1)
        out.shift--;
    if (rows < 0 || COUNT(v[3], int64_t) != pairs || COUNT(v[6], int64_t) != pairs || out.shift < 1 || out.shift > 31 + !v[4].len
        || (v[4].len && v[4].len != (Py_ssize_t)1 << (32 - out.shift)))
        return finish(v, 7, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    if (!are_offsets(offsets, rows + 1, COUNT(v[0], uint32_t)))
        error = BAD_OFFSETS;
    for (Py_ssize_t i = 0; i < pairs && !error; i++) {
        if (a[i] < 0 || a[i] >= rows || b[i] < 0 || b[i] >= rows)
            error = BAD_OFFSETS;
        else
            shared[i] = count_common(hashes + offsets[a[i]], (Py_ssize_t)(offsets[a[i] + 1] - offsets[a[i]]),
                                     hashes + offsets[b[i]], (Py_ssize_t)(offsets[b[i] + 1] - offsets[b[i]]), &out);
    }
    Py_END_ALLOW_THREADS
    return finish(v, 7, pairs, error);
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

typedef struct {
    const uint64_t *keys;
    const int32_t *slots;
    const uint32_t *codes;
    const uint8_t *ends, *dropped, *replacement, *goes_on;
    Py_ssize_t count, tables;
    int bits;
} Lookup;

static int make_lookup(const Py_buffer *v, int bits, Lookup *lookup)
{
    *lookup = (Lookup){v[0].buf, v[1].buf, v[2].buf, v[3].buf, v[4].buf, v[5].buf, v[6].buf, COUNT(v[0], uint64_t), 0, bits};
    if (bits < 1 || bits > 24 || lookup->count < 1 || lookup->count > INT32_MAX || COUNT(v[1], int32_t) % ((Py_ssize_t)1 << bits))
        return 0;
    lookup->tables = COUNT(v[1], int32_t) >> bits;
    return COUNT(v[2], uint32_t) == lookup->count && v[3].len == lookup->count && v[4].len == lookup->count
           && v[5].len == lookup->count && v[6].len == lookup->count;
}

static inline int32_t find_entry(const Lookup *lookup, uint64_t hash)
{
    const int32_t none = (int32_t)lookup->count - 1;
    for (Py_ssize_t table = 0; table < lookup->tables; table++) {
        uint64_t slot = hash >> (16 * table % 48) & (((uint64_t)1 << lookup->bits) - 1);
        int32_t entry = lookup->slots[(table << lookup->bits) + (Py_ssize_t)slot];
        if (entry < 0 || entry >= none)
            break;
        if (lookup->keys[entry] == hash)
            return entry;
    }
    return none;
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

PyDoc_STRVAR(despin_doc, "despin(buffer, starts, ends, documents, bits, *words, *phrases, classes, surfaces, bounds, replacements): fills the class\n"
                         "tokens of the texts; gives back how many there are. words, phrases: the columns of two look-up tables.");

static PyObject *despin(PyObject *module, PyObject *args)
{
    Py_buffer v[22] = {{0}};
    const char *error = NULL;
    int bits;
    /* no tuples in the format: CPython makes room for the views of the outermost arguments only */
    if (!PyArg_ParseTuple(args, "y*y*y*y*iy*y*y*y*y*y*y*y*y*y*y*y*y*y*w*w*w*w*", &v[0], &v[1], &v[2], &v[3], &bits, &v[4],
                          &v[5], &v[6], &v[7], &v[8], &v[9], &v[10], &v[11], &v[12], &v[13], &v[14], &v[15], &v[16], &v[17],
                          &v[18], &v[19], &v[20], &v[21]))
        return NULL;
    const uint8_t *buffer = v[0].buf;
    const int64_t *starts = v[1].buf, *ends = v[2].buf, *documents = v[3].buf;
    uint32_t *classes = v[18].buf, *surfaces = v[19].buf;
    int64_t *bounds = v[20].buf, *replacements = v[21].buf;
    Py_ssize_t tokens = COUNT(v[1], int64_t), texts = COUNT(v[3], int64_t) - 1, kept = 0;
    Lookup words, phrases;
    if (texts < 0 || COUNT(v[2], int64_t) != tokens || COUNT(v[18], uint32_t) < tokens || COUNT(v[19], uint32_t) < tokens
        || COUNT(v[20], int64_t) != texts + 1 || COUNT(v[21], int64_t) != texts)
        return finish(v, 22, 0, BAD_SIZES);
    Py_BEGIN_ALLOW_THREADS
    uint64_t *hashes = malloc(((size_t)tokens + 1) * sizeof *hashes);
    int32_t *entries = malloc(((size_t)tokens + 1) * sizeof *entries);
    if (!hashes || !entries)
        error = NO_MEMORY;
    else if (!make_lookup(v + 4, bits, &words) || !make_lookup(v + 11, bits, &phrases))
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
        entries[i] = find_entry(&words, hashes[i]);
    if (!error)
        bounds[0] = 0;
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        int64_t written = 0;
        for (Py_ssize_t i = (Py_ssize_t)documents[d], last = (Py_ssize_t)documents[d + 1]; i < last;) {
            int32_t entry = entries[i];
            Py_ssize_t length = 1;
            const Lookup *found = &words;
            uint64_t surface = hashes[i], key = hashes[i];
            int number = starts[i] < ends[i] && buffer[starts[i]] >= '0' && buffer[starts[i]] <= '9';
            int goes_on = words.goes_on[entry];
            for (Py_ssize_t tried = 2; goes_on && tried <= LONGEST_FORM && i + tried <= last; tried++) {
                key = join64(key, hashes[i + tried - 1]);
                int32_t phrase = find_entry(&phrases, key);
                if (phrases.ends[phrase])
                    found = &phrases, entry = phrase, length = tried, surface = key, number = 0;
                goes_on = phrases.goes_on[phrase];
            }
            written += found->replacement[entry] != 0;
            classes[kept] = ((found->ends[entry] ? found->codes[entry] : (uint32_t)surface) & ~1u) | (uint32_t)number;
            surfaces[kept] = (uint32_t)surface;
            kept += !(found->ends[entry] && found->dropped[entry]);
            i += length;
        }
        bounds[d + 1] = kept;
        replacements[d] = written;
    }
    free(hashes);
    free(entries);
    Py_END_ALLOW_THREADS
    return finish(v, 22, kept, error);
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
    {"count_equal", count_equal, METH_VARARGS, count_equal_doc},
    {"repeated", repeated, METH_VARARGS, repeated_doc},
    {"band_keys", band_keys, METH_VARARGS, band_keys_doc},
    {"despin", despin, METH_VARARGS, despin_doc},
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
