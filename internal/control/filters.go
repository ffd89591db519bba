package control

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"postern/internal/access"
	"postern/internal/fault"
	"postern/internal/store"
)

// timed turns what a list is asked for that depends on the time into what the store knows.
func (c *Control) timed(page access.Page) access.Page {
	now := strconv.FormatInt(c.now().UnixMicro(), 10)
	if over, given := page.Only["expired"]; given {
		page = instead(page, "expired", map[bool]string{true: "over", false: "good"}[over == "true"], now)
	}
	if state, given := page.Only["state"]; given { // of a token; its words are those of the store
		page = instead(page, "state", state, now)
	}
	return page
}

func instead(page access.Page, filter, other, value string) access.Page {
	page.Only = maps.Clone(page.Only)
	delete(page.Only, filter)
	page.Only[other] = value
	return page
}

// withStatus gives connectors with a status, which no row holds: it goes on until the page is full, or there are no more.
func (c *Control) withStatus(ctx context.Context, tx *store.Tx, page access.Page) (list []access.Connector, next string, err error) {
	label := Label(page.Only["status"])
	page.Only = maps.Clone(page.Only)
	delete(page.Only, "status")
	wanted := page.Limit
	if wanted <= 0 || wanted > maxPage {
		wanted = defaultPage
	}
	for {
		page.Limit = wanted - len(list) // so that the cursor is behind the last that is given
		found, cursor, err := tx.Connectors(ctx, page)
		if err != nil {
			return nil, "", err
		}
		for _, k := range found {
			if c.ConnectorStatus(k.ID).Label == label {
				list = append(list, k)
			}
		}
		if cursor == "" || len(list) == wanted {
			return list, cursor, nil
		}
		page.After = cursor
	}
}

// shelved adds that archived connectors are left out, unless somebody asks for them.
func shelved(page access.Page) access.Page {
	value, given := page.Only["archived"]
	switch {
	case given && value != "any":
		return page
	case !given:
		value = strconv.FormatBool(Label(page.Only["status"]) == LabelArchived)
	}
	page.Only = maps.Clone(page.Only)
	if page.Only == nil {
		page.Only = map[string]string{}
	}
	if delete(page.Only, "archived"); value != "any" {
		page.Only["archived"] = value
	}
	return page
}

// The sizes of pages, as the store has them.
const (
	defaultPage = 100
	maxPage     = 1000
)

// labelled says whether the word is a label of a connector.
func labelled(word string) error {
	if slices.Contains(Labels(), Label(word)) {
		return nil
	}
	return fault.Invalid("status", "must be active, degraded, draining, inactive, disabled, archived or waiting")
}
