/* What Go programs need of Windows and Wine 8 has not: random bytes from the system (bcryptprimitives.dll, ProcessPrng). */
#include <windows.h>
#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) {
	while (length > 0) {
		ULONG part = length > 1 << 20 ? 1 << 20 : (ULONG)length;
		if (!RtlGenRandom(data, part)) return FALSE;
		data += part;
		length -= part;
	}
	return TRUE;
}
