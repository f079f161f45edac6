// The pickle machine: every opcode, what calls give, and what is refused by name.
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "checkpoint/pickle_tensor.h"
#include "sample_archive.h"

// A pickle that has been run. The bytes must live as long as the values.
typedef struct run_result {
    rk__pickle_values values;
    rk__value top;
    rk_status status;
    rk_error err;
} run_result;

static run_result run(const void *pickle, size_t size) {
    static const rk__pickle_source source = {.path = "file", .record = "data.pkl"};
    run_result r = {.status = RK_OK};
    rk__pickle_values_init(&r.values, pickle, size);
    r.status = rk__pickle_run(&r.values, &source, 0, &r.top, NULL, NULL, &r.err);
    return r;
}

static void assert_kind(const char *pickle, size_t size, rk__value_kind kind) {
    run_result r = run(pickle, size);
    cr_assert_eq(r.status, RK_OK, "%s", r.err.message);
    cr_assert_eq(rk__pickle_kind(&r.values, r.top), kind, "%s is %s", pickle,
                 rk__pickle_kind_name(rk__pickle_kind(&r.values, r.top)));
    rk__pickle_values_fini(&r.values);
}

static void assert_refused(const char *pickle, size_t size, const char *words) {
    run_result r = run(pickle, size);
    cr_assert_neq(r.status, RK_OK, "accepted, not '%s'", words);
    cr_assert_eq(strncmp(r.err.message, "file: pickle data.pkl, byte ", 28), 0, "%s",
                 r.err.message);
    cr_assert_not_null(strstr(r.err.message, words), "'%s' lacks '%s'", r.err.message, words);
    rk__pickle_values_fini(&r.values);
}

// A literal with its length, without the terminator.
#define LITERAL(text) (text), sizeof(text) - 1

static void assert_integer(const char *pickle, size_t size, int64_t wanted) {
    run_result r = run(pickle, size);
    cr_assert_eq(r.status, RK_OK, "%s", r.err.message);
    const rk__pickle_node *node = rk__pickle_node_of(&r.values, r.top);
    cr_assert_eq(node->kind, RK__PICKLE_INTEGER);
    cr_assert_eq(node->as.integer, wanted, "%lld", (long long)node->as.integer);
    rk__pickle_values_fini(&r.values);
}

Test(pickle, integers) {
    assert_integer(LITERAL("K\xff."), 255);
    assert_integer(LITERAL("M\x01\x02."), 513);
    assert_integer(LITERAL("J\xff\xff\xff\xff."), -1);
    assert_integer(LITERAL("I42\n."), 42);
    assert_integer(LITERAL("I-7\n."), -7);
    assert_integer(LITERAL("L-99999999999L\n."), -99999999999);
    assert_integer(LITERAL("\x8a\x00."), 0);
    assert_integer(LITERAL("\x8a\x01\xff."), -1);
    assert_integer(LITERAL("\x8a\x02\xff\x00."), 255);
    assert_integer(LITERAL("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), INT64_MAX);
    assert_integer(LITERAL("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), INT64_MIN);
    // Ten bytes that only repeat the sign.
    assert_integer(LITERAL("\x8a\x0a\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff."), -2);
    assert_integer(LITERAL("\x8b\x01\x00\x00\x00\x05."), 5);
    assert_kind(LITERAL("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00."), RK__PICKLE_BIG_INTEGER);
    assert_kind(LITERAL("L99999999999999999999999999L\n."), RK__PICKLE_BIG_INTEGER);
    assert_kind(LITERAL("I01\n."), RK__PICKLE_BOOL);
    assert_kind(LITERAL("\x88."), RK__PICKLE_BOOL);
    assert_refused(LITERAL("Iabc\n."), "'abc' is no number");
    assert_refused(LITERAL("\x8b\xff\xff\xff\xff."), "-1 bytes");
}

Test(pickle, reals_and_texts) {
    run_result r = run(LITERAL("G\x3f\xf8\x00\x00\x00\x00\x00\x00."));
    cr_assert_eq(r.status, RK_OK);
    cr_assert_eq(rk__pickle_node_of(&r.values, r.top)->as.real, 1.5);
    rk__pickle_values_fini(&r.values);
    r = run(LITERAL("F-2.5e-3\n."));
    cr_assert_eq(r.status, RK_OK);
    cr_assert_eq(rk__pickle_node_of(&r.values, r.top)->as.real, -2.5e-3);
    rk__pickle_values_fini(&r.values);

    static const struct {
        const char *pickle;
        size_t size;
    } texts[] = {
        {LITERAL("X\x03\x00\x00\x00"
                 "abc.")},
        {LITERAL("\x8c\x03"
                 "abc.")},
        {LITERAL("\x8d\x03\x00\x00\x00\x00\x00\x00\x00"
                 "abc.")},
        {LITERAL("T\x03\x00\x00\x00"
                 "abc.")},
        {LITERAL("U\x03"
                 "abc.")},
        {LITERAL("S'abc'\n.")},
        {LITERAL("Vabc\n.")},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        r = run(texts[i].pickle, texts[i].size);
        cr_assert_eq(r.status, RK_OK, "%zu: %s", i, r.err.message);
        cr_assert(rk__pickle_text_is(&r.values, r.top, "abc"), "text %zu", i);
        rk__pickle_values_fini(&r.values);
    }
    assert_kind(LITERAL("B\x01\x00\x00\x00\xff."), RK__PICKLE_BYTES);
    assert_kind(LITERAL("C\x01\xff."), RK__PICKLE_BYTES);
    assert_kind(LITERAL("\x8e\x01\x00\x00\x00\x00\x00\x00\x00\xff."), RK__PICKLE_BYTES);
    assert_kind(LITERAL("\x96\x01\x00\x00\x00\x00\x00\x00\x00\xff."), RK__PICKLE_BYTES);
    assert_refused(LITERAL("\x8c\x01\xff."), "no UTF-8");
    assert_refused(LITERAL("Fabc\n."), "no floating-point number");
    assert_refused(LITERAL("Sabc\n."), "without quotes");
}

static void assert_items(const char *pickle, size_t size, rk__value_kind kind, size_t n) {
    run_result r = run(pickle, size);
    cr_assert_eq(r.status, RK_OK, "%s", r.err.message);
    cr_assert_eq(rk__pickle_kind(&r.values, r.top), kind);
    cr_assert_eq(rk__pickle_node_of(&r.values, r.top)->count, n);
    size_t walked = 0;
    uint32_t at = rk__pickle_first(&r.values, r.top);
    for (rk__value item; rk__pickle_next(&r.values, &at, &item);) walked++;
    cr_assert_eq(walked, n);
    rk__pickle_values_fini(&r.values);
}

Test(pickle, containers) {
    assert_items(LITERAL(")."), RK__PICKLE_TUPLE, 0);
    assert_items(LITERAL("K\1K\2K\3\x87."), RK__PICKLE_TUPLE, 3);
    assert_items(LITERAL("K\1\x85."), RK__PICKLE_TUPLE, 1);
    assert_items(LITERAL("(K\1K\2K\3K\4t."), RK__PICKLE_TUPLE, 4);
    assert_items(LITERAL("](K\1K\2eK\3a."), RK__PICKLE_LIST, 3);
    assert_items(LITERAL("(K\1K\2l."), RK__PICKLE_LIST, 2);
    assert_items(LITERAL("}(K\1K\2K\3K\4uK\5K\6s."), RK__PICKLE_DICT, 6);
    assert_items(LITERAL("(K\1K\2d."), RK__PICKLE_DICT, 2);
    assert_items(LITERAL("\x8f(K\1K\2\x90."), RK__PICKLE_SET, 2);
    assert_items(LITERAL("(K\1\x91."), RK__PICKLE_SET, 1);
    assert_items(LITERAL("ccollections\nOrderedDict\n)R(K\1K\2u}b."), RK__PICKLE_DICT, 2);
    assert_items(LITERAL("ccollections\nOrderedDict\n((lp1\n(lp2\nK\1aK\2aatR."), RK__PICKLE_DICT,
                 2);
    assert_refused(LITERAL("}(K\1u."), "key without a value");
    assert_refused(LITERAL("K\1K\2a."), "added to a number");
    assert_refused(LITERAL("K\1\x87."), "tuple of 3 values from a stack of 1");
}

Test(pickle, stack_and_memo) {
    assert_integer(LITERAL("K\1K\2"
                           "0."),
                   1);
    assert_items(LITERAL("K\1"
                         "2\x86."),
                 RK__PICKLE_TUPLE, 2);
    assert_integer(LITERAL("K\1(K\2K\3"
                           "1."),
                   1);
    assert_integer(LITERAL("K\1(0."), 1);
    assert_integer(LITERAL("K\7q\5"
                           "0h\5."),
                   7);
    assert_integer(LITERAL("K\7r\5\0\0\0"
                           "0j\5\0\0\0."),
                   7);
    assert_integer(LITERAL("K\7p300\n0g300\n."), 7);
    assert_integer(LITERAL("K\7\x94K\x08\x94"
                           "00h\1."),
                   8);
    assert_refused(LITERAL("h\3."), "memo number 3");
    assert_refused(LITERAL("K\1p-1\n."), "memo number below 0");
    assert_refused(LITERAL("(K\1(t(R."), "opcode 52");
    assert_refused(LITERAL("\xff."), "ff is no opcode");
    assert_refused(LITERAL("K\1"), "ends in the middle");
    assert_refused(LITERAL(""), "ends in the middle");
}

Test(pickle, objects_beside_the_tensors) {
    assert_kind(LITERAL("cargparse\nNamespace\n)R}X\2\0\0\0lrK\1sb."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("cproject.config\nModelConfig\n)\x81}b."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("cproject.config\nModelConfig\n)}\x92."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("(K\1iproject\nConfig\n."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("(cproject\nConfig\nK\1o."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("ccopy_reg\n_reconstructor\n(cproject\nThing\nc__builtin__\nobject\nNtR."),
                RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("cnumpy.core.multiarray\nscalar\n)R."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("c_codecs\nencode\n(X\1\0\0\0aX\6\0\0\0latin1tR."), RK__PICKLE_OPAQUE);
    assert_kind(LITERAL("cproject\nList\n)\x81K\1a(K\1K\2e(K\1K\2u."), RK__PICKLE_OPAQUE);
    assert_items(LITERAL("ctorch\nSize\n(K\2K\3\x86tR."), RK__PICKLE_TUPLE, 2);
    assert_items(LITERAL("ccollections\ndefaultdict\nc__builtin__\nint\n\x85R(K\1K\2u."),
                 RK__PICKLE_DICT, 2);
}

Test(pickle, calls_refused_by_name) {
    static const struct {
        const char *global, *words;
    } calls[] = {
        {"cos\nsystem\n", "calls os.system"},
        {"cposix\nsystem\n", "calls posix.system"},
        {"cnt\nsystem\n", "calls nt.system"},
        {"csubprocess\nPopen\n", "calls subprocess.Popen"},
        {"cbuiltins\neval\n", "calls builtins.eval"},
        {"c__builtin__\nexec\n", "calls __builtin__.exec"},
        {"cbuiltins\ngetattr\n", "calls builtins.getattr"},
        {"cbuiltins\nopen\n", "calls builtins.open"},
        {"cbuiltins\n__import__\n", "calls builtins.__import__"},
        {"ctorch\nload\n", "calls torch.load"},
        {"ctorch.hub\nload\n", "calls torch.hub.load"},
        {"cnumpy\nload\n", "calls numpy.load"},
        {"crunpy\n_run_code\n", "calls runpy._run_code"},
        {"cimportlib\nimport_module\n", "calls importlib.import_module"},
        {"coperator\nattrgetter\n", "calls operator.attrgetter"},
        {"cctypes\nCDLL\n", "calls ctypes.CDLL"},
        {"ccode\nInteractiveInterpreter\n", "calls code.InteractiveInterpreter"},
        {"cmultiprocessing.process\nProcess\n", "calls multiprocessing.process.Process"},
        {"cpickle\nUnpickler\n", "calls pickle.Unpickler"},
        {"curllib.request\nRequest\n", "calls urllib.request.Request"},
        {"cproject\nrun\n", "calls project.run"},
        {"cproject\nModel.load\n", "calls project.Model.load"},
        {"c\nThing\n", "calls .Thing"},
        {"cproject\n\n", "calls project."},
        {"ctorch._utils\n_unknown\n", "calls torch._utils._unknown"},
    };
    static const char *const ways[] = {"%s)\x81.", "%s)}\x92.", "(%so."};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
            char pickle[128];
            const int size = snprintf(pickle, sizeof pickle, ways[way], calls[i].global);
            assert_refused(pickle, (size_t)size, calls[i].words);
        }
        char pickle[128];
        const int size = snprintf(pickle, sizeof pickle, "%s)R.", calls[i].global);
        assert_refused(pickle, (size_t)size, calls[i].words);
        const int inst = snprintf(pickle, sizeof pickle, "(i%s.", calls[i].global + 1);
        assert_refused(pickle, (size_t)inst, calls[i].words);
    }
    assert_refused(LITERAL("X\5\0\0\0torchX\x09\0\0\0os.system\x93)R."), "calls torch.os.system");
    assert_refused(LITERAL("ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nNNtR."),
                   "calls subprocess.Popen");
    assert_refused(LITERAL("K\1)R."), "a number is called");
    assert_refused(LITERAL("cos\nsystem\nK\1R."), "with a number for its arguments");
    assert_refused(LITERAL("\x82\1."), "extension registry");
    assert_refused(LITERAL("\x97."), "out-of-band");
    assert_refused(LITERAL("Pid\n."), "persistent id in a line");
}

// The name of a function alone is no call.
Test(pickle, names_alone) {
    assert_kind(LITERAL("cos\nsystem\n."), RK__PICKLE_GLOBAL);
    assert_kind(LITERAL("X\2\0\0\0osX\6\0\0\0system\x93."), RK__PICKLE_GLOBAL);
    assert_refused(LITERAL("K\1X\6\0\0\0system\x93."), "is no text");
}

// ---- tensors

static run_result run_tensor(const sample_tensor *tensor, sample_bytes *pickle) {
    sample_put_text(pickle, "\x80\x02");
    sample_put_tensor(pickle, tensor);
    sample_put_text(pickle, ".");
    return run(pickle->data, pickle->size);
}

Test(pickle, tensor_fields) {
    const sample_tensor wanted = {"HalfStorage", "key", 100, 7, 3, {2, 3, 4}, {50, 1, 3}};
    sample_bytes pickle = {0};
    run_result r = run_tensor(&wanted, &pickle);
    cr_assert_eq(r.status, RK_OK, "%s", r.err.message);
    cr_assert_eq(rk__pickle_kind(&r.values, r.top), RK__PICKLE_TENSOR);
    rk__pickled_tensor tensor;
    rk__pickled_tensor_of(&r.values, r.top, &tensor);
    cr_assert_null(tensor.unsupported);
    cr_assert_eq(tensor.dtype, RK_DTYPE_F16);
    cr_assert_eq(tensor.offset, 7);
    cr_assert_eq(tensor.shape.n_dims, 3);
    cr_assert_eq(tensor.shape.dims[2], 4);
    cr_assert_eq(tensor.strides[0], 50);
    cr_assert_eq(tensor.storage.count, 100);
    cr_assert_eq(tensor.storage.key_length, 3);
    cr_assert_arr_eq(tensor.storage.key, "key", 3);
    rk__pickle_values_fini(&r.values);
    sample_free(&pickle);
}

Test(pickle, storage_classes) {
    static const struct {
        const char *name;
        rk_dtype dtype;
        bool supported;
    } classes[] = {
        {"FloatStorage", RK_DTYPE_F32, true},        {"HalfStorage", RK_DTYPE_F16, true},
        {"BFloat16Storage", RK_DTYPE_BF16, true},    {"DoubleStorage", RK_DTYPE_F64, true},
        {"LongStorage", RK_DTYPE_I64, true},         {"IntStorage", RK_DTYPE_I32, true},
        {"ShortStorage", RK_DTYPE_I16, true},        {"CharStorage", RK_DTYPE_I8, true},
        {"ByteStorage", RK_DTYPE_U8, true},          {"BoolStorage", RK_DTYPE_BOOL, true},
        {"ComplexFloatStorage", RK_DTYPE_U8, false}, {"QInt8Storage", RK_DTYPE_U8, false},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        const sample_tensor wanted = {classes[i].name, "0", 1, 0, 0, {0}, {0}};
        sample_bytes pickle = {0};
        run_result r = run_tensor(&wanted, &pickle);
        cr_assert_eq(r.status, RK_OK, "%s", r.err.message);
        rk__pickled_tensor tensor;
        rk__pickled_tensor_of(&r.values, r.top, &tensor);
        cr_assert_eq(tensor.unsupported == NULL, classes[i].supported, "%s", classes[i].name);
        if (classes[i].supported) cr_assert_eq(tensor.dtype, classes[i].dtype);
        rk__pickle_values_fini(&r.values);
        sample_free(&pickle);
    }
}

static void assert_tensor_refused(const sample_tensor *tensor, const char *words) {
    sample_bytes pickle = {0};
    run_result r = run_tensor(tensor, &pickle);
    cr_assert_neq(r.status, RK_OK);
    cr_assert_not_null(strstr(r.err.message, words), "%s", r.err.message);
    rk__pickle_values_fini(&r.values);
    sample_free(&pickle);
}

Test(pickle, impossible_tensors) {
    assert_tensor_refused(&(sample_tensor){"FloatStorage", "0", -1, 0, 1, {1}, {1}},
                          "number of elements");
    assert_tensor_refused(&(sample_tensor){"FloatStorage", "0", INT64_MAX, 0, 1, {1}, {1}},
                          "number of elements");
    assert_tensor_refused(&(sample_tensor){"FloatStorage", "0", 1, -1, 1, {1}, {1}}, "offset");
    assert_tensor_refused(&(sample_tensor){"FloatStorage", "0", 1, 0, 1, {-1}, {1}}, "sizes");
    assert_tensor_refused(&(sample_tensor){"FloatStorage", "0", 1, 0, 1, {1}, {-1}}, "strides");
    assert_tensor_refused(&(sample_tensor){"os.system", "0", 1, 0, 1, {1}, {1}}, "torch.os.system");
}
