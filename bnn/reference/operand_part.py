"""Lays operands out, for :mod:`bnn.reference.row_kernel`: what the windows of 64 columns read.

A window's operands are first put side by side, eight bytes at a time. Then a word (or two bytes, or
a plane of 64 operands) of each of the 64 columns is put beside those of the others.
"""

from __future__ import annotations

from bnn.reference.kernel_part import BLOCKS, BYTES, COLUMNS, Part


class Operands(Part):
    """The part that lays operands out."""

    def lay(self, first: str, count: str, place: str) -> None:
        """Lay out the operands of all columns that hold a sum, and note which these are."""
        code = self.code
        windows = code.at("i64", "%windows", code.mul(place, "%width"))
        flags = code.at("i64", "%masks", 2 * BLOCKS)

        def one(column: str, image: str, own: str) -> None:
            window, slot = code.get("i64", windows, own, 8), code.get("i64", "%slots", image, 8)
            inside = code.put(f"icmp sge i64 {code.put(f'or i64 {window}, {slot}')}, 0")
            flag = code.put(f"sext i1 {inside} to i8")
            code.do(f"store i8 {flag}, ptr {code.at('i8', flags, column)}, align 1")
            with code.when(inside):
                source = code.at("i8", "%source", code.mul(slot, "%imagebytes"))
                self._gather(source, window, code.at("i8", "%side", code.mul(column, "%sidebytes")))

        with code.loop(BLOCKS) as block:
            self.put("zeroinitializer", flags)
            begin = code.mul(block, COLUMNS)
            left = code.least(code.put(f"sub i64 {count}, {begin}"), COLUMNS)
            self.columns(code.add(first, begin), left, one)
            own = code.put(f"load {BYTES}, ptr {flags}, align 8")
            held = self.as_bits(code.put(f"icmp slt {BYTES} {own}, zeroinitializer"))
            code.do(f"store i64 {held}, ptr {code.at('i64', '%masks', block)}, align 8")
            # what was just stored in other pieces is read late: it has reached the cache by then
            with code.when(code.put(f"icmp ne i64 {held}, 0")), code.loop(COLUMNS) as lane:
                column = code.at("i8", "%side", code.mul(lane, "%sidebytes"))
                self._spread(block, code.get("i64", "%lanes", lane, 8), column)

    def _gather(self, source: str, window: str, into: str) -> None:
        """Put what a window reads side by side, eight bytes at a time, with zeros behind it."""
        code = self.code
        offsets = code.at("i64", "%offsets", code.mul(window, "%taps"))
        steps = code.put(f"udiv i64 {code.add('%tapbytes', 7)}, 8")
        with code.loop("%taps") as tap:
            offset = code.get("i64", offsets, tap, 8)
            outside = code.put(f"icmp slt i64 {offset}, 0")
            pixel = code.at("i8", source, offset)
            pixel = code.put(f"select i1 {outside}, ptr %nothing, ptr {pixel}")
            target = code.at("i8", into, code.mul(tap, "%tapbytes"))
            code.do(f"store i64 {code.get('i64', pixel, 0)}, ptr {target}, align 1")
            with code.loop(steps, 1) as step:
                value = code.get("i64", pixel, step)
                code.do(f"store i64 {value}, ptr {code.at('i64', target, step)}, align 1")
        behind = code.at("i8", into, code.mul("%taps", "%tapbytes"))
        code.do(f"store i64 0, ptr {behind}, align 1")

    def _spread(self, block: str, lane: str, column: str) -> None:
        """Put the operands of a column into its lane of the block."""
        code, element = self.code, self.kind.element
        base = code.mul(block, code.mul("%planes", "%words"))
        base = code.add(code.mul(base, COLUMNS), lane)
        many, apart = f"<{COLUMNS} x i{element}>", code.mul("%words", COLUMNS)
        with code.loop("%words") as word:
            at = code.add(base, code.mul(word, COLUMNS))
            if self.kind.added:
                value = code.get("i16", column, word)
                code.do(f"store i16 {value}, ptr {code.at('i16', '%patches', at)}, align 2")
            elif element == 1:
                value = code.get("i64", column, word)
                code.do(f"store i64 {value}, ptr {code.at('i64', '%patches', at)}, align 8")
            else:
                values = code.get(many, column, word)
                unused = code.put(f"sub i64 {element}, %planes")
                with code.carry(unused, many, [values]) as (_, (high,), after):
                    after.append(code.put(f"add {many} {high}, {high}"))
                with code.carry("%planes", many, [high]) as (plane, (value,), later):
                    highest = code.put(f"icmp slt {many} {value}, zeroinitializer")
                    bits = code.put(f"bitcast {self.flags} {highest} to i64")
                    where = code.at("i64", "%patches", code.add(at, code.mul(plane, apart)))
                    code.do(f"store i64 {bits}, ptr {where}, align 8")
                    later.append(code.put(f"add {many} {value}, {value}"))
