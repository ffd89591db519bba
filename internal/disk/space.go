package disk

// Space gives how many bytes are left to us on the disk of a path, and how many it has.
func Space(path string) (free, total uint64, err error) { return space(path) }
