"""The DRAM that a network runs on: its options, its mitigation, and the ledger of its commands."""
