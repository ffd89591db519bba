/* What the test has in place of lodctr.exe and unlodctr.exe, of which Wine has only the names: the provider of a manifest of performance
   counters is registered where Windows registers it, with the path that is put together as documented, and is taken away again.
   For the test to see, it also keeps what it finds as texts in the program's resources, by their numbers. */
#include <windows.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define PROVIDERS L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Perflib\\_V2Providers\\"

static char text[1 << 16];

/* attribute gives the value of the first attribute of that name. */
static int attribute(const char *name, wchar_t *to, int size)
{
	const char *begin = strstr(text, name), *end;

	if (!begin || !(end = strchr(begin += strlen(name), '"')) || end - begin >= size)
		return 0;
	to[MultiByteToWideChar(CP_UTF8, 0, begin, (int)(end - begin), to, size - 1)] = 0;
	return 1;
}

static int fail(const char *what)
{
	printf("%s (error %lu)\n", what, GetLastError());
	return 1;
}

static void keep(HKEY key, const wchar_t *name, const wchar_t *value)
{
	RegSetValueExW(key, name, 0, REG_SZ, (const BYTE *)value, (wcslen(value) + 1) * sizeof(*value));
}

int wmain(int argc, wchar_t **argv)
{
	wchar_t guid[64], program[MAX_PATH], path[2 * MAX_PATH], key[256], value[1024], name[16];
	int removes = wcsstr(argv[0], L"unlodctr") != NULL;
	HMODULE module;
	HKEY provider;
	FILE *file;
	UINT id;

	if (argc != (removes ? 2 : 3) || wcsncmp(argv[1], L"/m:", 3) || !(file = _wfopen(argv[1] + 3, L"rb")))
		return fail("no manifest");
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	if (!attribute("providerGuid=\"", guid, 64) || !attribute("applicationIdentity=\"", program, MAX_PATH))
		return fail("no provider");
	_snwprintf(key, 256, PROVIDERS L"%ls", guid);
	if (removes)
		return RegDeleteKeyW(HKEY_LOCAL_MACHINE, key) ? fail("not registered") : 0;
	_snwprintf(path, 2 * MAX_PATH, L"%ls\\%ls", argv[2], program);
	if (!(module = LoadLibraryExW(path, NULL, LOAD_LIBRARY_AS_DATAFILE)))
		return fail("no program");
	if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, key, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &provider, NULL))
		return fail("no key");
	keep(provider, L"ApplicationIdentity", path);
	for (id = 1; id < 1000; id++) {
		_snwprintf(name, 16, L"%u", id);
		if (LoadStringW(module, id, value, 1024) > 0)
			keep(provider, name, value);
	}
	RegCloseKey(provider);
	return 0;
}
