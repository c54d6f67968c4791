/* Many threads connect at once, each with its own data. */
#include "victim.h"
#include <pthread.h>

enum { THREADS = 64, ROUNDS = 5 };

static pthread_barrier_t start;

static void *one(void *argument)
{
	long number = (long)argument, good = 0;

	pthread_barrier_wait(&start);
	for (int i = 0; i < ROUNDS; i++) {
		struct place p =
			place(number % 2 ? "127.0.0.1" : "::1", "ECHO");
		int fd = socket(p.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char text[64], back[64] = "";
		int len = snprintf(text, sizeof(text), "thread %ld round %d",
				   number, i);

		if (connect(fd, &p.any, p.len) == 0 &&
		    write(fd, text, (size_t)len) == len &&
		    recv(fd, back, (size_t)len, MSG_WAITALL) == len &&
		    strcmp(text, back) == 0)
			good++;
		close(fd);
	}
	return (void *)good;
}

int main(void)
{
	pthread_t thread[THREADS];
	long good = 0;
	int before = open_descriptors();

	pthread_barrier_init(&start, NULL, THREADS);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, one, (void *)i) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(thread[i], &result);
		good += (long)result;
	}
	say_text("connections", "%ld of %d good", good, THREADS * ROUNDS);
	say("descriptors more than before", open_descriptors() - before);
	return 0;
}
