package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	// Rights by which somebody changes a file, or whom it belongs to, or what a directory holds.
	rightsToChange = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE | windows.WRITE_DAC |
		windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL
	rightsToRead = windows.FILE_READ_DATA | windows.GENERIC_READ
	// Rights by which somebody replaces an entry of a directory. Creating new ones is no harm.
	rightsToReplace = fileDeleteChild | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL

	fileDeleteChild = 0x40 // FILE_DELETE_CHILD of winnt.h
)

// CheckPrivate returns nil only if nobody but SYSTEM, the administrators and the user of this process can change
// what path names: its owner and every entry that allows anything in its access list are among them, and nobody
// else may replace the directories on the way to it.
func CheckPrivate(path string) error { return check(path, rightsToChange) }

// CheckSecret is CheckPrivate for files that nobody else may even read.
func CheckSecret(path string) error { return check(path, rightsToChange|rightsToRead) }

func check(path string, forbidden windows.ACCESS_MASK) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("check who can change %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("check who can change the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	trusted, err := trustedUsers()
	if err != nil {
		return fmt.Errorf("check who can change %s: %w", path, err)
	}
	if err := checkAccess(path, trusted, forbidden); err != nil {
		return err
	}
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if err := checkAccess(dir, trusted, rightsToReplace); err != nil {
			return err
		}
	}
	return nil
}

func trustedUsers() ([]*windows.SID, error) {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("read the user of this process: %w", err)
	}
	trusted := []*windows.SID{me.User.Sid}
	for _, known := range []windows.WELL_KNOWN_SID_TYPE{
		windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid, windows.WinCreatorOwnerSid,
		windows.WinNetworkServiceSid, // our services run as it, and administrators work on their files
	} {
		sid, err := windows.CreateWellKnownSid(known)
		if err != nil {
			return nil, fmt.Errorf("name a known user: %w", err)
		}
		trusted = append(trusted, sid)
	}
	installer, err := windows.StringToSid("S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464") // TrustedInstaller
	if err != nil {
		return nil, fmt.Errorf("name the installer's user: %w", err)
	}
	return append(trusted, installer), nil
}

// CheckOwner refuses what somebody else than SYSTEM, the administrators and the user of this process owns, such as a pipe that he
// made under the name of another one's. The name is for the error.
func CheckOwner(handle windows.Handle, name string) error {
	descriptor, err := windows.GetSecurityInfo(handle, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("read who owns %s: %w", name, err)
	}
	return checkOwner(descriptor, name)
}

// CheckOwnerOf is CheckOwner for what a path names.
func CheckOwnerOf(path string) error {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("read who owns %s: %w", path, err)
	}
	return checkOwner(descriptor, path)
}

func checkOwner(descriptor *windows.SECURITY_DESCRIPTOR, name string) error {
	trusted, err := trustedUsers()
	if err != nil {
		return fmt.Errorf("check whose %s is: %w", name, err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return fmt.Errorf("read who owns %s: %w", name, err)
	}
	if !among(trusted, owner) {
		return fmt.Errorf("%s belongs to %s, not to SYSTEM, the administrators or the user who runs this", name, owner)
	}
	return nil
}

// checkAccess refuses what anybody but the trusted owns or has one of the forbidden rights to.
func checkAccess(path string, trusted []*windows.SID, forbidden windows.ACCESS_MASK) error {
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("read who may use %s: %w", path, err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return fmt.Errorf("read who owns %s: %w", path, err)
	}
	if !among(trusted, owner) {
		return fmt.Errorf("%s belongs to %s, not to SYSTEM, the administrators or the user who runs this", path, owner)
	}
	list, _, err := descriptor.DACL()
	if err != nil || list == nil { // without a list everybody may do everything
		return fmt.Errorf("%s has no access list: %w", path, errors.Join(err, windows.ERROR_ACCESS_DENIED))
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return fmt.Errorf("read the access list of %s: %w", path, err)
		}
		if entry.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE || entry.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 {
			continue
		}
		if entry.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE {
			return fmt.Errorf("%s has an entry of type %d in its access list, which cannot be judged", path, entry.Header.AceType)
		}
		who := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		if entry.Mask&forbidden != 0 && !among(trusted, who) {
			return fmt.Errorf("%s is open to %s: leave it to SYSTEM, the administrators and the user who runs this", path, who)
		}
	}
	return nil
}

func among(sids []*windows.SID, sid *windows.SID) bool {
	for _, s := range sids {
		if sid.Equals(s) {
			return true
		}
	}
	return false
}

// syncDir does nothing: NTFS journals renames itself and lets nobody sync a directory.
func syncDir(string) error { return nil }

func lock(file *os.File) error {
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrLocked
	}
	return err
}

func space(path string) (free, total uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(name, &free, &total, nil)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", path, err)
	}
	return free, total, nil
}
