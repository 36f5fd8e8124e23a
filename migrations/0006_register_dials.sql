-- Reads of cumulative registers: what the display of a register is like decides what a difference of two reads means.

-- Whole kWh digits, after which the register begins anew at 0, and what its index is multiplied by. Null: not known, and 1.
alter table channel_validities add column register_digits smallint check (register_digits between 1 and 11);
alter table channel_validities add column register_multiplier numeric(12, 4) check (register_multiplier > 0);
