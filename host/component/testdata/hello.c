#include <stdio.h>
int main(int argc, char **argv) { printf("hello from C, %d args\n", argc); return 0; }
