/* A library as fakeroot(1) has one: it tells the program that it is another
 * user than the kernel thinks. */
#include <unistd.h>

uid_t geteuid(void)
{
	return 12345;
}
