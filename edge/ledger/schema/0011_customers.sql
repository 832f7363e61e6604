-- Customers and contracts, found by part of a name, a plate or a card; and what the postings come to by account.

CREATE TABLE customers (
    number      INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,             -- site | hub
    customer_id TEXT NOT NULL,
    name        TEXT NOT NULL,
    words       TEXT NOT NULL,             -- what a customer is found by, folded: see customer_words.py
    document    BLOB NOT NULL,
    UNIQUE (source, customer_id)
);
CREATE INDEX customers_by_id ON customers (customer_id);
CREATE VIRTUAL TABLE customer_words USING fts5(words, content = 'customers', content_rowid = 'number', tokenize = 'trigram');
CREATE TRIGGER customers_in AFTER INSERT ON customers BEGIN
    INSERT INTO customer_words (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER customers_out AFTER DELETE ON customers BEGIN
    INSERT INTO customer_words (customer_words, rowid, words) VALUES ('delete', old.number, old.words);
END;
CREATE TRIGGER customers_anew AFTER UPDATE ON customers BEGIN
    INSERT INTO customer_words (customer_words, rowid, words) VALUES ('delete', old.number, old.words);
    INSERT INTO customer_words (rowid, words) VALUES (new.number, new.words);
END;

CREATE TABLE contracts (
    source      TEXT NOT NULL,             -- site | hub
    contract_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    document    BLOB NOT NULL,
    PRIMARY KEY (source, contract_id)
) WITHOUT ROWID;
CREATE INDEX contracts_by_id ON contracts (contract_id);
CREATE INDEX contracts_by_customer ON contracts (customer_id);

-- Which card is of which contract; kept by what happens to tokens.
CREATE TABLE cards (
    number      INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    contract_id TEXT NOT NULL,
    words       TEXT NOT NULL,             -- the uid and what is printed on the card, in lower case
    UNIQUE (source, key)
);
CREATE INDEX cards_by_contract ON cards (contract_id);
CREATE VIRTUAL TABLE card_words USING fts5(words, content = 'cards', content_rowid = 'number', tokenize = 'trigram');
CREATE TRIGGER cards_in AFTER INSERT ON cards BEGIN
    INSERT INTO card_words (rowid, words) VALUES (new.number, new.words);
END;
CREATE TRIGGER cards_out AFTER DELETE ON cards BEGIN
    INSERT INTO card_words (card_words, rowid, words) VALUES ('delete', old.number, old.words);
END;
CREATE TRIGGER tokens_in AFTER INSERT ON tokens BEGIN
    INSERT INTO cards (source, key, contract_id, words) VALUES (
        new.source, new.key, json_extract(CAST(new.document AS TEXT), '$.contract_id'),
        lower(new.key || char(10) || COALESCE(json_extract(CAST(new.document AS TEXT), '$.visual_number'), ''))
    );
END;
CREATE TRIGGER tokens_out AFTER DELETE ON tokens BEGIN
    DELETE FROM cards WHERE source = old.source AND key = old.key;
END;
CREATE TRIGGER tokens_anew AFTER UPDATE ON tokens BEGIN
    DELETE FROM cards WHERE source = old.source AND key = old.key;
    INSERT INTO cards (source, key, contract_id, words) VALUES (
        new.source, new.key, json_extract(CAST(new.document AS TEXT), '$.contract_id'),
        lower(new.key || char(10) || COALESCE(json_extract(CAST(new.document AS TEXT), '$.visual_number'), ''))
    );
END;
INSERT INTO cards (source, key, contract_id, words)
SELECT source, key, json_extract(CAST(document AS TEXT), '$.contract_id'),
    lower(key || char(10) || COALESCE(json_extract(CAST(document AS TEXT), '$.visual_number'), ''))
FROM tokens;

CREATE TABLE balances_elsewhere (
    contract_id TEXT PRIMARY KEY,
    amount      TEXT NOT NULL,             -- what the other sites posted, as the hub told it last
    as_of       TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE dunning (
    contract_id TEXT PRIMARY KEY,
    step        INTEGER NOT NULL,          -- steps that were taken; none for what is not overdue
    document    BLOB NOT NULL,
    taken_at    TEXT NOT NULL
) WITHOUT ROWID;

-- Sums of postings and where they are, up to the entry that meta.accounts_seq names: what came since is added when they
-- are read, so a bill costs nothing more. See account_totals.py.
CREATE TABLE account_totals (
    account TEXT PRIMARY KEY,
    cents   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE account_postings (
    account   TEXT NOT NULL,               -- all but revenue and taxes
    money_seq INTEGER NOT NULL,
    PRIMARY KEY (account, money_seq)
) WITHOUT ROWID;
