/* Lines of JSON: corpus/bulk.py, read_lines. */
#pragma once

#include "common.h"
#include "tokens.h"

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
