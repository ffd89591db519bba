//go:build !unix

package doctor

// owner knows only owners of numbers; elsewhere the check of the credential itself says who may read it.
func owner(string) (name string, foreign bool) { return "", false }

// OpenFiles knows of no limit that could be raised.
func OpenFiles() (soft uint64, ok bool) { return 0, false }
