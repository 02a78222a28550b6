/* Xxh32 of spans: detect/shingles.py, xxh32_spans. */
#pragma once

#include "common.h"

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

INLINE_AVX2 void xxh32_together(const uint8_t *buffer, const int64_t *begins, const int64_t *lengths, uint32_t *hashes)
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

AVX2 static void xxh32_side_by_side(const uint8_t *buffer, const int64_t *begins, const int64_t *lengths, uint32_t *hashes)
{
    xxh32_together(buffer, begins, lengths, hashes);
}

#ifdef AVX512

AVX512 static void xxh32_rotating(const uint8_t *buffer, const int64_t *begins, const int64_t *lengths, uint32_t *hashes)
{
    xxh32_together(buffer, begins, lengths, hashes);
}

#else
#define xxh32_rotating xxh32_side_by_side
#endif

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
            (has_avx512 ? xxh32_rotating : xxh32_side_by_side)(buffer, begins + i, lengths + i, hashes + i);
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

/* ---- shingles in order: detect/shingles.py, hash_in_order ---- */

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
