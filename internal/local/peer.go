package local

// Peer is the user of a program at the other end of a socket, as the system says.
type Peer struct {
	User  string // the number, or SID
	Name  string // for people; the same as User if the system knows none
	Admin bool   // root or an administrator
}

// Is tells whether somebody called it, or numbered it, so.
func (p Peer) Is(user string) bool { return user == p.User || sameName(user, p.Name) }
