/* Bytes through everything in libc and the kernel that moves them: FILEs in
 * every mode and with every kind of buffer, files, pipes, vectors, lists of
 * messages, POSIX aio, and sends with a flag that TCP knows. */
#include "victim.h"
#include <aio.h>
#include <linux/errqueue.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

/* --- FILEs ---------------------------------------------------------------- */

static const char *const modes[] = { "r",  "w",	 "r+", "w+",  "a",
				     "a+", "rb", "wb", "r+b", "a+e" };

static const struct {
	const char *name;
	int kind;
	size_t size;
} buffers[] = {
	{ "as it is", -1, 0 },	   { "none", _IONBF, 0 },
	{ "lines", _IOLBF, 256 },  { "full", _IOFBF, 4096 },
	{ "one byte", _IOFBF, 1 },
};

static void send_text(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		say("write", -1);
}

/* One line out by the FILE, if it can, and back by it, if it can. */
static void use_file(const char *mode, size_t buffer)
{
	static char space[4096];
	int fd = connected("127.0.0.1", "ECHO"), other = dup(fd);
	bool reads = mode[0] == 'r' || strchr(mode, '+');
	bool writes = mode[0] != 'r' || strchr(mode, '+');
	FILE *file = fdopen(fd, mode);
	char line[64] = "";

	printf("%s, buffer %s\n", mode, buffers[buffer].name);
	if (!file) {
		say("  fdopen", -1);
		return;
	}
	if (buffers[buffer].kind >= 0)
		say("  setvbuf",
		    setvbuf(file, buffers[buffer].size ? space : NULL,
			    buffers[buffer].kind, buffers[buffer].size));
	if (writes) {
		say("  fprintf", fprintf(file, "by %s\n", mode));
		say("  fputc", fputc('!', file));
		say("  fwrite", (long)fwrite("\nend\n", 1, 5, file));
		say("  fflush", fflush(file));
	} else {
		send_text(other, "by other\n!\nend\n");
	}
	if (reads) {
		say_text("  fgets", "%s",
			 fgets(line, sizeof(line), file) ? strtok(line, "\n")
							 : "NULL");
		say_text("  fgetc", "%c", fgetc(file));
		say("  ungetc", ungetc('?', file));
		memset(line, 0, sizeof(line));
		say("  fread", (long)fread(line, 1, 6, file));
		say_text("  fread gives", "%.1s%.3s", line, line + 2);
	} else {
		recv(other, line, 10, MSG_WAITALL);
		say_text("  read", "%.3s", line);
	}
	say("  ftell", ftell(file));
	shutdown(other, SHUT_WR);
	if (reads) {
		say("  fgetc at the end", fgetc(file));
		say("  feof", feof(file) != 0);
		say("  ferror", ferror(file) != 0);
	}
	say("  fclose", fclose(file));
	say("  fclose closes", fcntl(fd, F_GETFD));
	close(other);
}

static void lines(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	FILE *file = fdopen(fd, "r+");
	char *line = NULL, word[16] = "";
	size_t size = 0;
	int number = 0;

	say("dprintf", dprintf(fd, "%s %d\nand %-3s|\n", "number", 42, "x"));
	say("fscanf", fscanf(file, "%15s %d\n", word, &number));
	say_text("fscanf gives", "%s %d", word, number);
	say("getline", getline(&line, &size, file));
	say_text("getline gives", "%s", strtok(line, "\n"));
	say("fseek", fseek(file, 0, SEEK_SET));
	say("rewind and write", (rewind(file), fputs("more\n", file)));
	say("fflush", fflush(file));
	say_text("fgets", "%s",
		 fgets(word, sizeof(word), file) ? strtok(word, "\n") : "NULL");
	say("freopen'd descriptor", freopen("/dev/null", "r", file) != NULL);
	free(line);
	fclose(file);
}

/* --- files and pipes ------------------------------------------------------ */

static FILE *file_with(const char *text)
{
	FILE *file = tmpfile();

	fputs(text, file);
	fflush(file);
	rewind(file);
	return file;
}

static void sendfiles(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	FILE *file = file_with("sent from a file"), *to = tmpfile();
	char back[32] = "";
	off_t at = 5;

	say("sendfile, at", sendfile(fd, fileno(file), &at, 4));
	say("sendfile, at moves", at);
	say("sendfile", sendfile(fd, fileno(file), NULL, 100));
	recv(fd, back, 20, MSG_WAITALL);
	say_text("sendfile gives", "%s", back);
	say("sendfile, nothing left", sendfile(fd, fileno(file), NULL, 100));
	send_text(fd, "back");
	say_poll("poll", fd, POLLIN, 10000);
	say("sendfile from the socket", sendfile(fileno(to), fd, NULL, 4));
	say("copy_file_range from the socket",
	    copy_file_range(fd, NULL, fileno(to), NULL, 4, 0));
	say("lseek", lseek(fd, 0, SEEK_CUR));
	say("pread", pread(fd, back, 1, 0));
	say("pwrite", pwrite(fd, back, 1, 0));
	say("ftruncate", ftruncate(fd, 0));
	say("fsync", fsync(fd));
	say("mmap",
	    (long)(intptr_t)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == -1
		    ? -1
		    : 0);
	fclose(file);
	fclose(to);
	close(fd);
}

/* A file of 4 MiB from the server into a pipe and on, as a proxy does it. */
static void splices(void)
{
	int fd = connected("127.0.0.1", "ECHO"), from[2], to[2], copy[2];
	char back[32] = "";

	if (pipe(from) < 0 || pipe(to) < 0 || pipe(copy) < 0)
		exit(1);
	send_text(from[1], "through pipes");
	say("splice to the socket",
	    splice(from[0], NULL, fd, NULL, 13, SPLICE_F_MORE));
	say_poll("poll", fd, POLLIN, 10000);
	say("splice from the socket",
	    splice(fd, NULL, to[1], NULL, 7, SPLICE_F_MOVE));
	say("tee", tee(to[0], copy[1], 100, 0));
	say("splice the copy back", splice(copy[0], NULL, fd, NULL, 7, 0));
	say("read the pipe", read(to[0], back, sizeof(back)));
	say_text("the pipe gives", "%.7s", back);
	recv(fd, back, 13, MSG_WAITALL);
	say_text("the socket gives", "%.13s", back);
	set_nonblocking(fd);
	say("splice, not waiting", splice(fd, NULL, to[1], NULL, 7, 0));
	say("splice with an offset",
	    splice(fd, &(off_t){ 0 }, to[1], NULL, 7, 0));
	for (int i = 0; i < 2; i++) {
		close(from[i]);
		close(to[i]);
		close(copy[i]);
	}
	close(fd);
}

static void splice_much(void)
{
	static unsigned char bytes[65536];
	int fd = connected("127.0.0.1", "SOURCE"), way[2];
	unsigned long long have = 0, wrong = 0;
	ssize_t got;

	if (pipe(way) < 0)
		exit(1);
	while ((got = splice(fd, NULL, way[1], NULL, sizeof(bytes), 0)) > 0) {
		ssize_t part = 0, n;

		for (;
		     part < got && (n = read(way[0], bytes, sizeof(bytes))) > 0;
		     part += n)
			for (ssize_t i = 0; i < n; i++, have++)
				wrong += bytes[i] != have % 251;
	}
	say_text("splice, all of it", "%llu bytes, %llu wrong, then %zd", have,
		 wrong, got);
	close(way[0]);
	close(way[1]);
	close(fd);
}

/* --- vectors and lists -------------------------------------------------- */

static void vectors(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char a[8] = "", b[8] = "";
	struct iovec out[3] = { { (char *)"one", 3 },
				{ NULL, 0 },
				{ (char *)"three", 5 } };
	struct iovec in[2] = { { a, 3 }, { b, 5 } };

	say("writev", writev(fd, out, 3));
	say_poll("poll", fd, POLLIN, 10000);
	say("readv", readv(fd, in, 2));
	say_text("readv gives", "%s %s", a, b);
	say("pwritev2", pwritev2(fd, out, 3, -1, 0));
	say_poll("poll, pwritev2", fd, POLLIN, 10000);
	say("preadv2", preadv2(fd, in, 2, -1, RWF_NOWAIT));
	say("preadv2, nothing there", preadv2(fd, in, 2, -1, RWF_NOWAIT));
	say("preadv", preadv(fd, in, 2, 0));
	say("writev, none", writev(fd, out, 0));
	say("write, none", write(fd, "", 0));
	say("read, none", read(fd, a, 0));
	close(fd);
}

static void lists(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char space[4][4] = { "" };
	struct iovec one[4];
	struct mmsghdr list[4];
	struct timespec limit = { .tv_sec = 5 };
	struct sockaddr_storage from;

	memset(list, 0, sizeof(list));
	for (int i = 0; i < 4; i++) {
		one[i] = (struct iovec){ (char *)"abcdefgh" + i, 2 };
		list[i].msg_hdr.msg_iov = &one[i];
		list[i].msg_hdr.msg_iovlen = 1;
	}
	say("sendmmsg", sendmmsg(fd, list, 4, MSG_NOSIGNAL));
	say_text("sendmmsg gives", "%u %u %u %u", list[0].msg_len,
		 list[1].msg_len, list[2].msg_len, list[3].msg_len);
	while (recv(fd, space, 8, MSG_PEEK | MSG_WAITALL) < 8)
		;
	for (int i = 0; i < 4; i++) {
		one[i] = (struct iovec){ space[i], 3 };
		list[i].msg_hdr.msg_name = &from;
		list[i].msg_hdr.msg_namelen = sizeof(from);
	}
	say("recvmmsg", recvmmsg(fd, list, 3, MSG_WAITFORONE, &limit));
	say_text("recvmmsg gives", "%u %u %u, %.3s %.3s %.2s, name %u",
		 list[0].msg_len, list[1].msg_len, list[2].msg_len, space[0],
		 space[1], space[2], list[0].msg_hdr.msg_namelen);
	say("recvmmsg, not waiting", recvmmsg(fd, list, 3, MSG_DONTWAIT, NULL));
	close(fd);
}

/* --- POSIX aio ---------------------------------------------------------- */

static long finish(struct aiocb *job)
{
	const struct aiocb *list[1] = { job };
	struct timespec limit = { .tv_sec = 10 };

	aio_suspend(list, 1, &limit);
	errno = aio_error(job);
	return aio_return(job);
}

static void asynchronous(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char back[16] = "";
	struct aiocb in = { .aio_fildes = fd,
			    .aio_buf = back,
			    .aio_nbytes = 12 };
	struct aiocb out = { .aio_fildes = fd,
			     .aio_buf = (char *)"asynchronous",
			     .aio_nbytes = 12 };

	say("aio_write", aio_write(&out));
	say("aio_write is done", finish(&out));
	say_poll("poll", fd, POLLIN, 10000);
	say("aio_read", aio_read(&in));
	say("aio_read is done", finish(&in));
	say_text("aio_read gives", "%s", back);
	say("aio_cancel", aio_cancel(fd, NULL) == AIO_ALLDONE);
	close(fd);
}

/* --- sends -------------------------------------------------------------- */

static void flags(void)
{
	int fd = connected("127.0.0.1", "ECHO"), on = 1, off = 0;
	char back[32] = "";

	say("MSG_MORE", send(fd, "more", 4, MSG_MORE));
	say("and the rest", send(fd, "rest", 4, 0));
	recv(fd, back, 8, MSG_WAITALL);
	say_text("MSG_MORE gives", "%.8s", back);
	say("TCP_CORK", setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)));
	send_text(fd, "corked");
	say("TCP_CORK off",
	    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off)));
	recv(fd, back, 6, MSG_WAITALL);
	say_text("TCP_CORK gives", "%.6s", back);
	say("MSG_EOR", send(fd, "e", 1, MSG_EOR));
	say("MSG_DONTROUTE", send(fd, "r", 1, MSG_DONTROUTE));
	say("MSG_CONFIRM", send(fd, "c", 1, MSG_CONFIRM));
	recv(fd, back, 3, MSG_WAITALL);
	say_text("these give", "%.3s", back);
	say("MSG_EOR is not told", recv(fd, back, 1, MSG_DONTWAIT));
	say("control is refused",
	    sendmsg(fd,
		    &(struct msghdr){ .msg_iov =
					      &(struct iovec){ (char *)"x", 1 },
				      .msg_iovlen = 1,
				      .msg_control = back,
				      .msg_controllen = 1 },
		    0));
	close(fd);
}

/* An urgent byte of ours: TLS has none, so it is one among the others. */
static void urgent(void)
{
	int fd = connected("127.0.0.1", "SINK");
	char answer[256] = "";
	ssize_t have = 0, got;

	say("MSG_OOB", send(fd, "abc", 3, MSG_OOB));
	say("after it", send(fd, "def", 3, 0));
	shutdown(fd, SHUT_WR);
	while ((got = read(fd, answer + have,
			   sizeof(answer) - 1 - (size_t)have)) > 0)
		have += got;
	say_text("MSG_OOB, arrived", "%.*s bytes", (int)strcspn(answer, " "),
		 answer);
	close(fd);
}

/* A program that can do without asks for it, and looks whether it may. */
static void zerocopy(const char *key, bool before)
{
	struct place p = place("127.0.0.1", "ECHO");
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	char name[64], control[128], back[8] = "";
	struct msghdr m = { .msg_control = control,
			    .msg_controllen = sizeof(control) };
	bool allowed;

	if (before)
		setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on));
	connect(fd, &p.any, p.len);
	snprintf(name, sizeof(name), "%s, allowed", key);
	allowed = setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) == 0;
	say(name, allowed ? 0 : -1);
	snprintf(name, sizeof(name), "%s, send", key);
	say(name, send(fd, "zero", 4, allowed ? MSG_ZEROCOPY : 0));
	recv(fd, back, 4, MSG_WAITALL);
	snprintf(name, sizeof(name), "%s, gives", key);
	say_text(name, "%s", back);
	snprintf(name, sizeof(name), "%s, told", key);
	if (allowed)
		poll(&(struct pollfd){ .fd = fd }, 1, 10000);
	say_ok(name, allowed ? recvmsg(fd, &m, MSG_ERRQUEUE) : 0);
	close(fd);
}

int main(void)
{
	for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++)
		for (size_t b = 0; b < sizeof(buffers) / sizeof(*buffers); b++)
			use_file(modes[m], b);
	lines();
	sendfiles();
	splices();
	splice_much();
	vectors();
	lists();
	asynchronous();
	flags();
	urgent();
	zerocopy("SO_ZEROCOPY", false);
	zerocopy("SO_ZEROCOPY before", true);
	return 0;
}
