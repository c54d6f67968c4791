/* Criterion 2.4.1 loses 48 bytes of its own (a worker's record) when it runs
 * jobs in parallel; LeakSanitizer must not fail our tests for that, and the
 * last line stays Criterion's.  The sanitizer's runtime finds these by name,
 * so they are not hidden. */
__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *
__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libcriterion.so";
}

const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}
