// A command for WASI preview 1 that uses files as programs do. The adapter that comes with jco makes a WASI 0.2 component of it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, int ok) { printf("%s: %s\n", what, ok ? "ok" : strerror(errno)); }

static void list(const char *path) {
	DIR *dir = opendir(path);
	int n = 0;
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	printf("entries of %s: %d\n", path, n);
	if (dir)
		closedir(dir);
}

static void file(void) {
	char text[64] = {0};
	FILE *f = fopen("/data/a.txt", "w+");
	say("create", f != NULL);
	if (!f)
		return;
	say("write", fputs("hello ", f) >= 0);
	say("seek", fseek(f, 0, SEEK_SET) == 0 && fgets(text, sizeof text, f));
	fclose(f);
	f = fopen("/data/a.txt", "a");
	say("append", fputs("world", f) >= 0 && fclose(f) == 0);
	f = fopen("/data/a.txt", "r");
	say("read", fgets(text, sizeof text, f) && !strcmp(text, "hello world"));
	fclose(f);
	struct stat s;
	say("stat", stat("/data/a.txt", &s) == 0 && S_ISREG(s.st_mode) && s.st_size == 11);
	say("truncate", truncate("/data/a.txt", 5) == 0 && stat("/data/a.txt", &s) == 0 && s.st_size == 5);
}

static void directories(void) {
	say("mkdir", mkdir("/data/sub", 0700) == 0);
	say("rename", rename("/data/a.txt", "/data/sub/b.txt") == 0);
	say("link", link("/data/sub/b.txt", "/data/sub/c.txt") == 0);
	say("symlink", symlink("b.txt", "/data/sub/d.txt") == 0);
	list("/data/sub");
	say("unlink", unlink("/data/sub/c.txt") == 0 && unlink("/data/sub/d.txt") == 0);
	say("rmdir of a full directory", rmdir("/data/sub") == 0);
	say("rmdir", unlink("/data/sub/b.txt") == 0 && rmdir("/data/sub") == 0);
	list("/data");
}

static void escapes(void) {
	const char *paths[] = {"/data/../outside/secret", "/data/up/secret", "/etc/passwd", "/data/sub/../../outside/secret"};
	for (int i = 0; i < 4; i++) {
		int fd = open(paths[i], O_RDONLY);
		printf("%s: %s\n", paths[i], fd < 0 ? "refused" : "OPEN");
	}
}

int main(int argc, char **argv) {
	char line[32] = {0};
	printf("%s %d %s\n", argv[0], argc, getenv("COLOR"));
	printf("stdin: %s\n", fgets(line, sizeof line, stdin) ? line : "nothing");
	say("time", time(NULL) > 1000000000);
	file();
	directories();
	escapes();
	fprintf(stderr, "done\n");
	return argc > 1 ? atoi(argv[1]) : 0;
}
