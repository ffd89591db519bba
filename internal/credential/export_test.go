package credential

// OnReached lets tests act when a step is on the disk.
func (d *Directory) OnReached(f func(step string)) { d.reached = f }
