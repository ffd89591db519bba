-- +goose Up
-- Alerts go to mailboxes, too: whom mails are from and for, and who signs in at the mail server.
ALTER TABLE exports ADD COLUMN mail_from TEXT NOT NULL DEFAULT '';
ALTER TABLE exports ADD COLUMN mail_to TEXT NOT NULL DEFAULT '[]';
ALTER TABLE exports ADD COLUMN mail_user TEXT NOT NULL DEFAULT '';

-- +goose Down
SELECT 1;
