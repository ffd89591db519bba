//go:build !linux

package daemon

// ForgetText does nothing where nobody asked for it.
func ForgetText() {}
