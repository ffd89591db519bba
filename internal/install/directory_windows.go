package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"postern/internal/disk"
	"postern/internal/fault"
)

// Who may do what in a service's directory: SYSTEM and the administrators everything; the service's account, if it is another one, makes and
// changes files, but neither whom the directory belongs to nor what it does not own in it, such as its settings. Nobody else gets in.
const (
	directoryAccess = "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	serviceEntries  = "(A;;0x1201bf;;;NS)(A;OICIIO;FA;;;NS)"
	settingsAccess  = "O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)"
	settingsEntry   = "(A;;FR;;;NS)" // for the service's account to read them
)

// directory is a service's directory. While it is held nobody renames or removes it.
type directory struct {
	path     string
	handle   windows.Handle
	asSystem bool // the service has no account of its own
}

// takeDirectory makes a service's directory, or takes the one that is there if nobody else can have prepared it: every user
// may make directories in ProgramData, and owns what he made. It is closed to others then.
func takeDirectory(path string, asSystem bool) (*directory, error) {
	access := directoryAccess
	if !asSystem {
		access += serviceEntries
	}
	rights, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	err = windows.CreateDirectory(name, attributes(rights))
	if err != nil && !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return nil, fmt.Errorf("make the directory %s: %w", path, err)
	}
	d := &directory{path: path, asSystem: asSystem}
	// Neither through a link, nor shared for deleting: what is examined is what is used.
	d.handle, err = windows.CreateFile(name, windows.READ_CONTROL|windows.WRITE_DAC|windows.WRITE_OWNER|windows.FILE_READ_ATTRIBUTES,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, fmt.Errorf("open the directory %s: %w", path, err)
	}
	if err := d.takeOver(rights); err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func attributes(rights *windows.SECURITY_DESCRIPTOR) *windows.SecurityAttributes {
	a := &windows.SecurityAttributes{SecurityDescriptor: rights}
	a.Length = uint32(unsafe.Sizeof(*a))
	return a
}

// release ends the holding.
func (d *directory) release() { _ = windows.CloseHandle(d.handle) }

func (d *directory) takeOver(rights *windows.SECURITY_DESCRIPTOR) error {
	if err := d.ordinary(); err != nil {
		return err
	}
	if err := disk.CheckOwner(d.handle, d.path); err != nil {
		return prepared(d.path, err)
	}
	owner, _, err := rights.Owner()
	if err != nil {
		return err
	}
	list, _, err := rights.DACL()
	if err != nil {
		return err
	}
	err = windows.SetSecurityInfo(d.handle, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, list, nil)
	if err != nil {
		return fmt.Errorf("close %s to others: %w", d.path, err)
	}
	// What others put there while they could still lies there.
	return filepath.WalkDir(d.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == d.path {
			return err
		}
		if !entry.IsDir() && !entry.Type().IsRegular() {
			return prepared(path, errors.New("it is a link"))
		}
		if err := disk.CheckOwnerOf(path); err != nil {
			return prepared(path, err)
		}
		return nil
	})
}

// ordinary refuses a file, and a link or junction that leads elsewhere.
func (d *directory) ordinary() error {
	name, err := windows.UTF16PtrFromString(d.path)
	if err != nil {
		return err
	}
	is, err := windows.GetFileAttributes(name) // of the link itself; what it names stays, since it is held
	if err != nil {
		return fmt.Errorf("look at %s: %w", d.path, err)
	}
	if is&windows.FILE_ATTRIBUTE_REPARSE_POINT != 0 {
		return prepared(d.path, errors.New("it is a link that leads elsewhere"))
	}
	if is&windows.FILE_ATTRIBUTE_DIRECTORY == 0 {
		return prepared(d.path, errors.New("it is a file"))
	}
	return nil
}

// prepared says that somebody else may have prepared what is there.
func prepared(path string, why error) error {
	return fault.Forbidden("%s was not made by an administrator: %v. Look at who made it and why, remove it, and install again", path, why)
}

// write writes a file that only administrators change.
func (d *directory) write(name string, data []byte) error {
	access := settingsAccess
	if !d.asSystem {
		access += settingsEntry
	}
	rights, err := windows.SecurityDescriptorFromString(access)
	if err != nil {
		return err
	}
	path := filepath.Join(d.path, name)
	draft, err := windows.UTF16PtrFromString(path + ".new")
	if err != nil {
		return err
	}
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) { // of an installation that was interrupted
		return err
	}
	h, err := windows.CreateFile(draft, windows.GENERIC_WRITE, 0, attributes(rights), windows.CREATE_NEW, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return &os.PathError{Op: "create", Path: path + ".new", Err: err}
	}
	file := os.NewFile(uintptr(h), path+".new")
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	return os.Rename(path+".new", path)
}
