/* A connection as a FILE, and other ways that libc and the kernel move bytes
 * without asking anybody. */
#include "victim.h"
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void stdio(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	char line[64] = "";

	for (int i = 0; i < 3; i++) {
		fprintf(out, "line %d\n", i);
		fflush(out);
		say_text(i == 0	  ? "fgets, first"
			 : i == 1 ? "fgets, second"
				  : "fgets, third",
			 "%.6s", fgets(line, sizeof(line), in));
	}
	dprintf(fd, "by dprintf\n");
	say_text("dprintf", "%.10s", fgets(line, sizeof(line), in));
	shutdown(fd, SHUT_WR);
	say_text("fgets at the end", "%s",
		 fgets(line, sizeof(line), in) ? line : "NULL");
	say("feof", feof(in) != 0);
	say("fclose", fclose(out));
	say("fclose the other", fclose(in));
}

static void vectors(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char a[4] = "", b[4] = "", control[64];
	struct iovec out[2] = { { (char *)"abc", 3 }, { (char *)"def", 3 } };
	struct iovec in[2] = { { a, 3 }, { b, 3 } };
	struct msghdr message = { .msg_iov = in,
				  .msg_iovlen = 2,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	say("writev", writev(fd, out, 2));
	say("recvmsg", recvmsg(fd, &message, MSG_WAITALL));
	say_text("recvmsg gives", "%s %s, %zu of control, flags %x", a, b,
		 (size_t)message.msg_controllen, message.msg_flags);
	say("send", send(fd, "peeked", 6, MSG_NOSIGNAL));
	say("recv, peeking", recv(fd, control, 6, MSG_PEEK | MSG_WAITALL));
	say("recv", recv(fd, control, 6, MSG_WAITALL));
	say("recv, not waiting", recv(fd, control, 6, MSG_DONTWAIT));
	close(fd);
}

static void files(void)
{
	int fd = connected("127.0.0.1", "ECHO"), pipes[2];
	FILE *file = tmpfile();
	off_t at = 0;
	char back[16] = "";

	fputs("from a file", file);
	fflush(file);
	say("sendfile", sendfile(fd, fileno(file), &at, 11));
	recv(fd, back, 11, MSG_WAITALL);
	say_text("sendfile gives", "%s", back);
	if (pipe(pipes) < 0)
		exit(1);
	say("to a pipe", write(pipes[1], "spliced", 7));
	say("splice", splice(pipes[0], NULL, fd, NULL, 7, 0));
	memset(back, 0, sizeof(back));
	recv(fd, back, 7, MSG_WAITALL);
	say_text("splice gives", "%s", back);
	close(pipes[0]);
	close(pipes[1]);
	fclose(file);
	close(fd);
}

/* System calls past every hook. */
static void raw(void)
{
	int fd = connected("127.0.0.1", "ECHO");
	char back[4] = "";

	say("raw write", syscall(SYS_write, fd, "raw", 3));
	recv(fd, back, 3, MSG_WAITALL);
	say_text("raw read", "%s", back);
	say("raw close", syscall(SYS_close, fd));
	/* The number is used again for something else. */
	say("number again", open("/dev/null", O_RDWR) == fd);
	say_names("number again", fd);
	close(fd);
}

/* SIGPIPE as ever. */
static void broken_pipe(void)
{
	int fd = connected("127.0.0.1", "ECHO"), status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		signal(SIGPIPE, SIG_DFL);
		shutdown(fd, SHUT_WR);
		_exit(write(fd, "x", 1) == 1);
	}
	waitpid(child, &status, 0);
	say_text("SIGPIPE", "%s",
		 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "no");
	close(fd);
}

int main(void)
{
	stdio();
	vectors();
	files();
	raw();
	broken_pipe();
	return 0;
}
