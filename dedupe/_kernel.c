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

#define LANES 16         /* spans hashed side by side */
#define LONGEST_WORD 128 /* code points; text/normal.py */
#define LONGEST_FORM 4   /* words; text/classes.py */
#define BLOCK 256        /* code points of a block of forms */
#define BLOCKS 0x1100
#define HEAD (2 * (BLOCK + 1)) /* bytes before the forms themselves */
#define COMBINES 0x8000u

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
static const char *const NO_MEMORY = "!out of memory";

/* ---- tokens: text/normal.py, tokenize ------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *text; /* UTF-8 */
    Py_ssize_t size;
    int folded;  /* taken as it is */
    int refused; /* a lone surrogate has no UTF-8 */
} Source;

typedef struct {
    const uint8_t **forms; /* by number of block: 257 little-endian offsets of 16 bits, then the forms in UTF-8 */
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

/* One byte of folded text: a word byte, or a space of which each run is written once. Nothing branches on the byte. */
#define TAKE(byte)                                                                                                          \
    do {                                                                                                                    \
        uint8_t taken = (byte);                                                                                             \
        int in_word = taken > ' ';                                                                                          \
        buffer[used] = taken;                                                                                               \
        ends[tokens] = used;                                                                                                \
        tokens += was_word & ~in_word;                                                                                      \
        used += was_word | in_word;                                                                                         \
        was_word = in_word;                                                                                                 \
    } while (0)

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

/* 1: done. 0: a character that combines, or that no form tells of. -1: out of memory. */
static int tokenize_text(Tokenizer *t, const Source *source)
{
    const uint8_t *p = source->text, *end = p + source->size;
    int64_t first = t->tokens, begin = t->used;
    if (!make_room(t, source->size + 2))
        return -1;
    uint8_t *buffer = t->buffer;
    int64_t *ends = t->ends;
    int64_t used = t->used, tokens = t->tokens;
    int was_word = 0;
    while (p < end) {
        if (source->folded) {
            TAKE(*p);
            p++;
            continue;
        }
        for (; p < end && *p < 0x80; p++)
            TAKE(ascii_forms[*p]);
        if (p == end)
            break;
        int size;
        uint32_t code = read_code(p, &size);
        p += size;
        const uint8_t *forms = code / BLOCK < BLOCKS ? t->forms[code / BLOCK] : NULL;
        uint32_t low = forms ? offset_of(forms, code % BLOCK) : COMBINES;
        if (low & COMBINES)
            return 0;
        uint32_t high = offset_of(forms, code % BLOCK + 1) & ~COMBINES;
        t->used = used;
        t->tokens = tokens;
        if (!make_room(t, (end - p) + (int64_t)(high - low) + 2))
            return -1;
        buffer = t->buffer;
        ends = t->ends;
        for (const uint8_t *form = forms + HEAD + low; low < high; low++, form++)
            TAKE(*form);
    }
    TAKE(' ');
    t->used = used;
    t->tokens = tokens;
    int64_t longest = 0, last = begin;
    for (int64_t i = first; i < tokens; i++) {
        longest = ends[i] - last > longest ? ends[i] - last : longest;
        last = ends[i] + 1;
    }
    if (longest > LONGEST_WORD && !cut_long_words(t, first, begin))
        return -1;
    return 1;
}

/* The texts of a tuple of str (to be folded) and bytes (folded already); to be freed. */
static Source *gather_texts(PyObject *texts, Py_ssize_t count)
{
    Source *sources = calloc((size_t)count + 1, sizeof *sources);
    if (!sources)
        return (Source *)PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *text = PyTuple_GetItem(texts, i);
        const char *bytes = "";
        sources[i].folded = PyBytes_Check(text);
        if (sources[i].folded) {
            bytes = PyBytes_AsString(text);
            sources[i].size = PyBytes_Size(text);
        } else if (!(bytes = PyUnicode_AsUTF8AndSize(text, &sources[i].size))) {
            if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
                free(sources);
                return NULL;
            }
            PyErr_Clear();
            bytes = "";
            sources[i].refused = 1;
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
            uint32_t offset = offset_of((const uint8_t *)bytes, i) & ~COMBINES;
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

/* The next byte of a character beyond ASCII, or the end. */
static inline const uint8_t *skip_ascii(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 8 && !(load64(p) & 0x8080808080808080u))
        p += 8;
    while (p < end && *p < 0x80)
        p++;
    return p;
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

PyDoc_STRVAR(combining_doc, "combining(texts, forms): which of a tuple of texts hold characters that the forms (see tokenize) mark as combining,\n"
                            "or have no UTF-8, as bytes of 0 and 1, one a text.");

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
        for (const uint8_t *p = skip_ascii(sources[i].text, end); p < end; p = skip_ascii(p, end)) {
            int size;
            uint32_t code = read_code(p, &size);
            const uint8_t *block = code / BLOCK < BLOCKS ? forms[code / BLOCK] : NULL;
            combines[i] |= block && offset_of(block, code % BLOCK) & COMBINES;
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
             "texts: str, or bytes of folded text in which all separators are spaces. forms: by number of a block of 256 code\n"
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
        PyErr_SetString(PyExc_ValueError, "a text must be folded first: it holds what combines or is not in the forms");
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

typedef uint32_t unaligned32 __attribute__((aligned(1), may_alias));
#define WORD(place) (*(const unaligned32 *)(buffer + (place)))

/* LANES spans side by side, step by step; a lane that has taken in all it has keeps what it holds. Four bytes after the end of
   each span must be readable, and the machine little-endian. */
FOR_EACH_CPU static void xxh32_lanes(const uint8_t *buffer, const int32_t *begins, const int32_t *sizes, uint32_t *hashes)
{
    uint32_t v1[LANES], v2[LANES], v3[LANES], v4[LANES], h[LANES];
    int32_t place[LANES], stripes[LANES], words[LANES], rest[LANES];
    int32_t longest = 0;
    for (int l = 0; l < LANES; l++) {
        longest = sizes[l] > longest ? sizes[l] : longest;
        stripes[l] = sizes[l] >> 4;
        words[l] = sizes[l] >> 2 & 3;
        rest[l] = sizes[l] & 3;
        place[l] = begins[l];
        v1[l] = P1 + P2, v2[l] = P2, v3[l] = 0, v4[l] = 0 - P1;
    }
    for (int32_t step = 0; step < longest >> 4; step++)
        for (int l = 0; l < LANES; l++) {
            uint32_t taken = step < stripes[l] ? ~0u : 0u;
            int32_t at = begins[l] + (int32_t)(taken & (uint32_t)(16 * step));
            v1[l] = (taken & rotate(v1[l] + WORD(at) * P2, 13) * P1) | (~taken & v1[l]);
            v2[l] = (taken & rotate(v2[l] + WORD(at + (int32_t)(taken & 4)) * P2, 13) * P1) | (~taken & v2[l]);
            v3[l] = (taken & rotate(v3[l] + WORD(at + (int32_t)(taken & 8)) * P2, 13) * P1) | (~taken & v3[l]);
            v4[l] = (taken & rotate(v4[l] + WORD(at + (int32_t)(taken & 12)) * P2, 13) * P1) | (~taken & v4[l]);
        }
    for (int l = 0; l < LANES; l++) {
        uint32_t merged = rotate(v1[l], 1) + rotate(v2[l], 7) + rotate(v3[l], 12) + rotate(v4[l], 18);
        h[l] = (stripes[l] ? merged : P5) + (uint32_t)sizes[l];
        place[l] = begins[l] + 16 * stripes[l];
    }
    for (int step = 0; step < 3; step++)
        for (int l = 0; l < LANES; l++) {
            uint32_t mixed = rotate(h[l] + WORD(place[l]) * P3, 17) * P4;
            int32_t taken = step < words[l];
            h[l] = taken ? mixed : h[l];
            place[l] += 4 * taken;
        }
    for (int l = 0; l < LANES; l++) {
        uint32_t tail = WORD(place[l]);
        for (int step = 0; step < 3; step++) {
            uint32_t mixed = rotate(h[l] + (tail >> 8 * step & 0xFF) * P5, 11) * P1;
            h[l] = step < rest[l] ? mixed : h[l];
        }
        h[l] = (h[l] ^ h[l] >> 15) * P2;
        h[l] = (h[l] ^ h[l] >> 13) * P3;
        hashes[l] = h[l] ^ h[l] >> 16;
    }
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLE_ENDIAN_WORDS 1
#else
#define LITTLE_ENDIAN_WORDS 0
#endif

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
    Py_ssize_t i = 0;
    while (!error && i < count) {
        int32_t places[LANES], sizes[LANES];
        int64_t low = begins[i], high = 0;
        int fits = LITTLE_ENDIAN_WORDS && count - i >= LANES;
        for (int l = 0; fits && l < LANES; l++) {
            low = begins[i + l] < low ? begins[i + l] : low;
            high = begins[i + l] + lengths[i + l] > high ? begins[i + l] + lengths[i + l] : high;
        }
        if (fits && high - low < 1 << 30 && high + 4 <= size) {
            for (int l = 0; l < LANES; l++) {
                places[l] = (int32_t)(begins[i + l] - low);
                sizes[l] = (int32_t)lengths[i + l];
            }
            xxh32_lanes(buffer + low, places, sizes, hashes + i);
            i += LANES;
        } else {
            hashes[i] = xxh32(buffer + begins[i], lengths[i]);
            i++;
        }
    }
    Py_END_ALLOW_THREADS
    return finish(v, 4, count, error);
}

/* ---- distinct sets: detect/shingles.py, collect_shingles -------------------------------------------------------------- */

/* Sorts; `spare` has room for as many. Four passes of eight bits: the time does not depend on what the hashes are. */
static void sort32(uint32_t *values, uint32_t *spare, Py_ssize_t count)
{
    if (count < 48) {
        for (Py_ssize_t i = 1; i < count; i++) {
            uint32_t value = values[i];
            Py_ssize_t j = i;
            for (; j > 0 && values[j - 1] > value; j--)
                values[j] = values[j - 1];
            values[j] = value;
        }
        return;
    }
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
    for (Py_ssize_t d = 0; d < texts && !error; d++) {
        Py_ssize_t count = (Py_ssize_t)(offsets[d + 1] - offsets[d]);
        uint32_t *row = signatures + d * permutations;
        if (!count) {
            memset(row, 0xFF, (size_t)permutations * sizeof *row);
            continue;
        }
        fmix32(hashes + offsets[d], count, mixed);
        for (; count % LANES; count++)
            mixed[count] = mixed[0]; /* once more: the least stays the least */
        for (Py_ssize_t k = 0; k < permutations; k += 4)
            sign_set(mixed, count, a + k, b + k, row + k);
    }
    free(mixed);
    Py_END_ALLOW_THREADS
    return finish(v, 5, texts, error);
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

static int is_power_of_two(Py_ssize_t size) { return size > 0 && !(size & (size - 1)); }

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

/* ---- the module --------------------------------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"tokenize", tokenize, METH_VARARGS, tokenize_doc},
    {"blocks", blocks, METH_VARARGS, blocks_doc},
    {"combining", combining, METH_VARARGS, combining_doc},
    {"xxh32_spans", xxh32_spans, METH_VARARGS, xxh32_doc},
    {"collect", collect, METH_VARARGS, collect_doc},
    {"sign", sign, METH_VARARGS, sign_doc},
    {"winnow", winnow, METH_VARARGS, winnow_doc},
    {"count_shared", count_shared, METH_VARARGS, count_doc},
    {"band_keys", band_keys, METH_VARARGS, band_keys_doc},
    {"despin", despin, METH_VARARGS, despin_doc},
    {"file_words", file_words, METH_VARARGS, file_words_doc},
    {"find_forms", find_forms, METH_VARARGS, find_forms_doc},
    {"shapes", shapes, METH_VARARGS, shapes_doc},
    {"spellings", spellings, METH_VARARGS, spellings_doc},
    {NULL, NULL, 0, NULL},
};

static int execute(PyObject *module)
{
    fill_ascii_forms();
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
