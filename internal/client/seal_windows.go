package client

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// SealedBy says who keeps tokens from being read on another machine or by another user, for the status.
const SealedBy = "Windows (DPAPI), for this user on this machine"

// seal has Windows encrypt data for this user.
func seal(data []byte) ([]byte, error) {
	return protected(data, func(in, out *windows.DataBlob) error {
		return os.NewSyscallError("CryptProtectData", windows.CryptProtectData(in, nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, out))
	})
}

func unseal(data []byte) ([]byte, error) {
	return protected(data, func(in, out *windows.DataBlob) error {
		return os.NewSyscallError("CryptUnprotectData", windows.CryptUnprotectData(in, nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, out))
	})
}

func protected(data []byte, by func(in, out *windows.DataBlob) error) ([]byte, error) {
	if len(data) == 0 {
		return nil, nil
	}
	in, out := windows.DataBlob{Size: uint32(len(data)), Data: &data[0]}, windows.DataBlob{}
	if err := by(&in, &out); err != nil {
		return nil, err
	}
	result := append([]byte(nil), unsafe.Slice(out.Data, out.Size)...)
	_, err := windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	return result, err
}
