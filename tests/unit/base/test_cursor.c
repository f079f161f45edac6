// The cursor: little-endian values, views, lines, and a failure that sticks.
#include <criterion/criterion.h>

#include <string.h>

#include "base/cursor.h"

Test(cursor, numbers) {
    static const uint8_t data[] = {
        0xfe,                                           // u8
        0x01, 0x80,                                     // u16
        0x04, 0x03, 0x02, 0xf1,                         // u32
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0xf1, // u64
        0xfe, 0xff, 0xff, 0xff,                         // i32
        0xc0, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // f64, big-endian
    };
    rk__cursor cursor = rk__cursor_over(data, sizeof data);
    cr_assert_eq(rk__cursor_u8(&cursor), 0xfe);
    cr_assert_eq(rk__cursor_u16le(&cursor), 0x8001);
    cr_assert_eq(rk__cursor_u32le(&cursor), 0xf1020304);
    cr_assert_eq(rk__cursor_u64le(&cursor), 0xf102030405060708);
    cr_assert_eq(rk__cursor_i32le(&cursor), -2);
    cr_assert_eq(rk__cursor_left(&cursor), 8);
    cr_assert_eq(rk__cursor_f64be(&cursor), -2.5);
    cr_assert_eq(rk__cursor_left(&cursor), 0);
    cr_assert_not(cursor.failed);
}

Test(cursor, a_failure_sticks_where_it_happened) {
    static const uint8_t data[] = {1, 2, 3, 4, 5};
    rk__cursor cursor = rk__cursor_over(data, sizeof data);
    cr_assert_eq(rk__cursor_u16le(&cursor), 0x0201);
    cr_assert_eq(rk__cursor_u32le(&cursor), 0);
    cr_assert(cursor.failed);
    cr_assert_eq(cursor.offset, 2);
    // One byte would fit, but what follows a failure means nothing.
    cr_assert_eq(rk__cursor_u8(&cursor), 0);
    cr_assert_null(rk__cursor_bytes(&cursor, 1));
    cr_assert_null(rk__cursor_bytes(&cursor, 0));
    cr_assert_eq(rk__cursor_f64be(&cursor), 0.0);
    cr_assert_eq(rk__cursor_left(&cursor), 0);
    cr_assert_eq(cursor.offset, 2);
}

Test(cursor, every_number_is_checked_against_the_end) {
    static const uint8_t data[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (size_t size = 0; size < 8; size++) {
        rk__cursor cursor = rk__cursor_over(data, size);
        cr_assert_eq(rk__cursor_u64le(&cursor), 0);
        cr_assert(cursor.failed);
        cursor = rk__cursor_over(data, size);
        cr_assert_eq(rk__cursor_i32le(&cursor), size < 4 ? 0 : -1);
        cr_assert_eq(cursor.failed, size < 4);
        cursor = rk__cursor_over(data, size);
        rk__cursor_f64be(&cursor);
        cr_assert(cursor.failed);
    }
}

Test(cursor, sizes_near_the_limit_do_not_wrap_around) {
    static const uint8_t data[4] = {0};
    rk__cursor cursor = rk__cursor_over(data, sizeof data);
    rk__cursor_u8(&cursor);
    cr_assert_null(rk__cursor_bytes(&cursor, SIZE_MAX));
    cr_assert(cursor.failed);
    cr_assert_eq(cursor.offset, 1);
}

Test(cursor, views) {
    static const uint8_t data[] = "abcdef";
    rk__cursor cursor = rk__cursor_over(data, 6);
    cr_assert_eq(rk__cursor_bytes(&cursor, 2), data);
    cr_assert_eq(rk__cursor_bytes(&cursor, 0), data + 2);
    cr_assert_eq(rk__cursor_bytes(&cursor, 4), data + 2);
    cr_assert_not_null(rk__cursor_bytes(&cursor, 0));
    cr_assert_not(cursor.failed);
}

Test(cursor, no_data_is_empty_not_broken) {
    rk__cursor cursor = rk__cursor_over(NULL, 0);
    cr_assert_not_null(rk__cursor_bytes(&cursor, 0));
    cr_assert_not(cursor.failed);
    cr_assert_null(rk__cursor_bytes(&cursor, 1));
}

Test(cursor, lines) {
    static const char data[] = "one\n\nthree";
    rk__cursor cursor = rk__cursor_over(data, strlen(data));
    size_t length = 99;
    const uint8_t *line = rk__cursor_line(&cursor, &length);
    cr_assert_eq(length, 3);
    cr_assert_arr_eq(line, "one", 3);
    cr_assert_not_null(rk__cursor_line(&cursor, &length));
    cr_assert_eq(length, 0);
    cr_assert_null(rk__cursor_line(&cursor, &length), "a line must end");
    cr_assert_eq(length, 0);
    cr_assert(cursor.failed);
    cr_assert_eq(cursor.offset, 5);
}
