package process

import "time"

func (f *Finder) Afford(cost time.Duration) bool { return f.afford(cost) }
