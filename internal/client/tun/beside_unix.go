//go:build unix

package tun

// Beside gives the files that the interface needs beside the program: none.
func Beside() []string { return nil }
