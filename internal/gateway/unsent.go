package gateway

// How many bytes the kernel may queue for a client that it has not sent yet. Tunnels have more.
const (
	mostUnsent  = 128 << 10
	leastUnsent = 16 << 10 // a record of TLS; less would be slower
)

// clientUnsent gives that for a new client beside so many others, where the kernel has so much memory for TCP (0: nobody knows): the more
// there are the less has each, so that together they leave most of it to others, tunnels among them. One address may open thousands
// and read from none.
func clientUnsent(kernel int64, clients int) int {
	if kernel <= 0 {
		return mostUnsent
	}
	return int(min(max(kernel/10/int64(max(clients, 1)), leastUnsent), mostUnsent))
}
