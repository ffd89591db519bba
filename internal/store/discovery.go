package store

import (
	"context"
	"time"

	"postern/internal/access"
)

// AddDiscovered adds uses to what was discovered; what is new only as long as there is room for it. It gives how many were left out.
func (t *Tx) AddDiscovered(ctx context.Context, uses []access.DiscoveredUse) (left int, err error) {
	var have int
	if err := t.row(ctx, "", "SELECT COUNT(*) FROM discovered", nil, &have); err != nil {
		return 0, err
	}
	values := make(map[access.ID][]any, len(uses))
	for _, u := range uses {
		key := access.ID(u.Destination + " " + string(u.User) + " " + string(u.Device) + " " + u.Day.Format(time.DateOnly))
		values[key] = []any{u.Destination, string(u.User), string(u.Device), micros(u.Day), u.Flows, u.Received, u.Sent, micros(u.First), micros(u.Last)}
	}
	types := []string{"TEXT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT"}
	const columns = "destination, user_id, device_id, day, flows, received, sent, first_used, last_used"
	const given = "new.column2, new.column3, new.column4, new.column5, new.column6, new.column7, new.column8, new.column9, new.column10"
	room := " WHERE true"
	if have+len(values) > access.MaxDiscovered { // those that are known go on
		room = ` WHERE EXISTS (SELECT 1 FROM discovered AS known WHERE known.destination = new.column2 AND known.user_id = new.column3
			AND known.device_id = new.column4 AND known.day = new.column5)`
	}
	n, err := t.eachCounted(ctx, values, types, "INSERT INTO discovered ("+columns+") SELECT "+given+" FROM %s"+room+`
		ON CONFLICT (destination, user_id, device_id, day) DO UPDATE SET flows = discovered.flows + excluded.flows,
		received = discovered.received + excluded.received, sent = discovered.sent + excluded.sent,
		first_used = CASE WHEN excluded.first_used < discovered.first_used THEN excluded.first_used ELSE discovered.first_used END,
		last_used = CASE WHEN excluded.last_used > discovered.last_used THEN excluded.last_used ELSE discovered.last_used END`)
	return len(values) - int(n), err
}

// Discovered gives the destinations that were used since the beginning of a day, in the order of their names.
func (t *Tx) Discovered(ctx context.Context, since time.Time) ([]access.Discovered, error) {
	return rows(ctx, t, scanDiscovered, `SELECT destination, COUNT(DISTINCT user_id), COUNT(DISTINCT device_id), CAST(SUM(flows) AS BIGINT),
		CAST(SUM(received) AS BIGINT), CAST(SUM(sent) AS BIGINT), MIN(first_used), MAX(last_used)
		FROM discovered WHERE day >= $1 GROUP BY destination ORDER BY destination`, micros(since))
}

func scanDiscovered(row scanner, d *access.Discovered) error {
	var first, last int64
	err := row.Scan(&d.Destination, &d.Users, &d.Devices, &d.Flows, &d.Received, &d.Sent, &first, &last)
	d.First, d.Last = moment(first), moment(last)
	return err
}

// TrimDiscovered removes at most limit uses of days before one.
func (t *Tx) TrimDiscovered(ctx context.Context, before time.Time, limit int) (int64, error) {
	return t.exec(ctx, `DELETE FROM discovered WHERE (destination, user_id, device_id, day) IN
		(SELECT destination, user_id, device_id, day FROM discovered WHERE day < $1 LIMIT $2)`, micros(before), limit)
}
