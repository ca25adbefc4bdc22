"""Writes the first inputs of the fuzzers, fuzz/corpus/TARGET/: small ones of every format, and damaged ones. What a fuzzer
found stays beside them under a name that says what it is.

    target/venv/bin/python fuzz/corpus.py      (the environment of `make test`, for Parquet and Arrow)

The people in them are made up.
"""

import bz2
import datetime
import gzip
import io
import pathlib
import struct
import zipfile

import pyarrow
import pyarrow.ipc
import pyarrow.parquet

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
NAMES = ["ID", "NAME", "BORN", "UNITS", "RATE", "YEAR", "FOSTER", "BAND"]
ROWS = [
    ["0020011", "Ana", "19990102", "1.5", "0.25", "2024", "Y", "A"],
    ["0020012", "Ñandú", "1/2/1999", "*", "", "2O24", "N", "B"],
    ["0020013", "", "00000000", "40", "1e3", "", "", ""],
    ["0020011", "twice", "", "41", "-1", "1900", "Y", "C"],
]


def put(target, name, *parts):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(bytes([part]) if isinstance(part, int) else part for part in parts))


def lines(delimiter, end, rows, quote=False, trailing=False):
    cell = (lambda text: f'"{text}"') if quote else (lambda text: text)
    return "".join(delimiter.join(map(cell, row)) + (delimiter if trailing else "") + end for row in rows)


def archive(files, method=zipfile.ZIP_DEFLATED):
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as packed:
        for name, content in files:
            packed.writestr(zipfile.ZipInfo(name), content, method)
    return into.getvalue()


def text():
    headed = lines(",", "\r\n", [NAMES] + ROWS)
    plain = headed.replace("Ñandú", "Nandu")
    put("text", "comma", 0, 0, headed.encode())
    put("text", "comma_windows", 0, 1, headed.encode("cp1252"))
    put("text", "comma_latin", 0, 2, headed.encode("latin-1"))
    put("text", "comma_ascii", 0, 3, plain.encode())
    put("text", "comma_utf16", 0, 4, headed.encode("utf-16"))
    put("text", "comma_utf16_big", 0, 4, b"\xfe\xff" + headed.encode("utf-16-be"))
    put("text", "quoted", 0, 0, b"\xef\xbb\xbf" + lines(",", "\n", [NAMES] + ROWS, quote=True).encode())
    put("text", "quoted_lines", 0, 0, plain.replace("Ana", '"a ""b""\nc, d"').encode())
    put("text", "excel_formula", 0, 0, plain.replace("0020011", '="0020011"').encode())
    put("text", "quote_never_closed", 0, 0, plain.encode() + b'5,"x,,,,,,\n')
    put("text", "empty_lines", 0, 0, plain.replace("\r\n", "\n\n\n").encode())
    put("text", "wrong_encoding", 0, 0, headed.encode("cp1252"))
    put("text", "caret", 1, 1, lines("^", "\r\n", ROWS, trailing=True).encode("cp1252"))
    put("text", "caret_cr", 1, 0, lines("^", "\r", ROWS, trailing=True).encode())
    titled = "Students\n" + lines("|", "\n", [[""] * 8, NAMES] + ROWS)
    put("text", "titles", 2, 0, titled.encode())
    put("text", "titles_groups", 2, 2, titled.replace("|||||||", "|||Year|||Other|").encode("latin-1"))
    put("text", "fixed", 3, 1, "0001Niño  312 19\r\n0002Ana   999   \r\n0003Ana   31\r\n".encode("cp1252"))
    put("text", "fixed_utf8", 3, 0, "0001Niño  312 19\n0001Ana   312 18\n".encode())
    put("text", "cobol", 4, 0, b"A0010015012C01234+1230012-\nA002001501234L-1230-0012+\nA00300150    }+123 0012 \n")
    object_ = '{"ID":"%s","NAME":"%s","BORN":"%s","UNITS":%s,"RATE":1e2,"YEAR":2024,"FOSTER":true,"BAND":null}\n'
    rows = "".join(object_ % (row[0], row[1], row[2], row[3].replace("*", "null")) for row in ROWS)
    put("text", "json", 5, 0, rows.encode())
    put("text", "json_escapes", 5, 0, rows.replace("Ana", "\\ud83e\\udda4 \\n\\u00f1\\\"").encode())
    put("text", "json_nested", 5, 0, rows.replace("null", '{"a":[[[]]]}').encode())
    put("text", "json_deep", 5, 0, b'{"ID":' + b"[" * 2000 + b"\n")
    put("text", "json_twice", 5, 0, rows.replace('"NAME"', '"ID"').encode())


def packed():
    plain = lines(",", "\n", [NAMES] + ROWS).encode()
    gzipped, bzipped = gzip.compress(plain, mtime=0), bz2.compress(plain)
    zstd = pyarrow.compress(plain, codec="zstd", asbytes=True)
    put("packed", "gzip", 0, gzipped)
    put("packed", "gzip_members", 0, gzip.compress(plain[:40], mtime=0) + gzip.compress(plain[40:], mtime=0))
    put("packed", "gzip_cut", 0, gzipped[:60])
    put("packed", "zstd", 1, zstd)
    put("packed", "zstd_frames", 1, zstd + pyarrow.compress(b"", codec="zstd", asbytes=True))
    put("packed", "zstd_cut", 1, zstd[:40])
    put("packed", "bzip2", 2, bzipped)
    put("packed", "bzip2_members", 2, bz2.compress(plain[:40]) + bz2.compress(plain[40:]))
    put("packed", "bzip2_cut", 2, bzipped[:60])
    put("packed", "zip", 3, archive([("a_10.csv", plain), ("a_9.csv", plain.replace(b"00200", b"00300"))]))
    put("packed", "zip_stored", 3, archive([("a.csv", plain)], zipfile.ZIP_STORED))
    put("packed", "zip_empty", 3, archive([]))
    put("packed", "zip_folder", 3, archive([("x/a.csv", plain)]))
    put("packed", "zip64", 3, (ROOT / "fixtures/formats/zip64.zip").read_bytes())
    put("packed", "not_packed", 4, plain)
    put("packed", "gzip_of_lines", 0, gzip.compress(b"\n" * 200_000, mtime=0))
    put("packed", "gzip_of_one_line", 0, gzip.compress(b"x" * 3_000_000, mtime=0))


def xml(name, body):
    return (name, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + body)


def workbook(sheet, strings=""):
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    sheets = "".join(f'<sheet name="s{n}" sheetId="{n}" r:id="rId{n}"/>' for n in (1, 2))
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in (1, 2)
    )
    return archive(
        [
            xml("[Content_Types].xml", f'<Types xmlns="{types}"/>'),
            xml("xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{sheets}</sheets></workbook>'),
            xml("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{relations}</Relationships>'),
            xml("xl/sharedStrings.xml", f'<sst xmlns="{main}">{strings}</sst>'),
            xml("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}"><sheetData/></worksheet>'),
            xml("xl/worksheets/sheet2.xml", f'<worksheet xmlns="{main}">{sheet}</worksheet>'),
        ]
    )


def excel():
    for name in ("students.xlsx", "students.xls"):
        put("excel", name.replace(".", "_"), 0, (ROOT / "fixtures/formats" / name).read_bytes())
    xls = (ROOT / "fixtures/formats/students.xls").read_bytes()
    table, directory = struct.unpack_from("<I", xls, 76)[0], struct.unpack_from("<I", xls, 48)[0]
    circle = bytearray(xls)
    struct.pack_into("<I", circle, 512 + 512 * table + 4 * directory, directory)
    put("excel", "xls_circle", 0, bytes(circle))
    far = bytearray(xls)
    struct.pack_into("<HH", far, xls.rfind(b"\xfd\0\x0a\0") + 4, 65535, 65535)
    put("excel", "xls_far_cell", 0, bytes(far))
    cells = '<c r="A1" t="s"><v>0</v></c><c r="B1"><v>7</v></c><c r="D1"><v>1.5</v></c><c r="E1" t="b"><v>1</v></c>'
    inline = '<c r="A9" t="inlineStr"><is><t>x</t></is></c><c r="F9" t="e"><v>#N/A</v></c>'
    rows = f'<sheetData><row r="1">{cells}</row><row r="9">{inline}</row></sheetData>'
    strings = "<si><t>0020011</t></si><si><r><t>a</t></r><r><t>b</t></r></si>"
    put("excel", "small", 0, workbook(rows, strings))
    put("excel", "cut", 0, workbook(rows, strings)[:700])
    sheets = {
        "sheet": rows,
        "far_cell": '<sheetData><row r="9000"><c r="XFD9000"><v>1</v></c></row></sheetData>',
        "farther_cell": '<sheetData><row r="4294967295"><c r="A4294967295"><v>1</v></c></row></sheetData>',
        "wide_dimension": f'<dimension ref="A1:XFD1048576"/>{rows}',
        "cells_in_disorder": f'<sheetData><row r="9">{inline}</row><row r="1">{cells}</row></sheetData>',
        "no_places": "<sheetData><row><c><v>1</v></c><c/></row><row><c><v>2</v></c></row></sheetData>",
        "comment": f"<!-- {'x' * 500} --><![CDATA[<row>]]>{rows}",
    }
    for name, sheet in sheets.items():
        put("excel", name, 1, f"<worksheet>{sheet}</worksheet>".encode())
    put("excel", "strings", 2, f"<sst>{strings}</sst>".encode())
    put("excel", "strings_many", 2, b'<sst count="4294967295" uniqueCount="4294967295"><si/></sst>')


def columnar():
    day = datetime.date(1999, 1, 2)
    table = pyarrow.table(
        {
            "ID": ["0020011", "0020012", None],
            "NAME": pyarrow.array(["a", "b", "a"]).dictionary_encode(),
            "BORN": [day, None, day],
            "UNITS": [1.5, float("nan"), 3.0],
            "RATE": pyarrow.array([0.1, None, 0.2], pyarrow.float32()),
            "YEAR": [2024, 1899, 2025],
            "FOSTER": [True, False, None],
            "BAND": [["A"], [], None],
            "MORE": [datetime.datetime(2024, 1, 1, 10, 30)] * 3,
        }
    )
    for name in ("none", "zstd"):
        into = io.BytesIO()
        pyarrow.parquet.write_table(table, into, compression=name)
        put("columnar", f"parquet_{name}", 0, into.getvalue())
    into = io.BytesIO()
    pyarrow.parquet.write_table(table, into, row_group_size=1, compression="none", use_dictionary=False)
    put("columnar", "parquet_groups", 0, into.getvalue())
    put("columnar", "parquet_cut", 0, into.getvalue()[:-100])
    for name, writer in (("arrow_file", pyarrow.ipc.new_file), ("arrow_stream", pyarrow.ipc.new_stream)):
        into = io.BytesIO()
        with writer(into, table.schema) as opened:
            opened.write_table(table)
        put("columnar", name, 1, into.getvalue())
        put("columnar", f"{name}_cut", 1, into.getvalue()[:-200])
    put("columnar", "arrow_length", 1, b"\xff\xff\xff\xff\xf0\xff\xff\x7f" + b"\0" * 64)


def layouts():
    plain = "ID,NAME,YEAR\n1,Ana,2024\n2,Bo,2025\n".encode()
    put("layouts", "now", plain)
    put("layouts", "semicolon", "Title\nID;NAME;SCHOOL_YEAR;MORE\n1;Añ;2024;x\n".encode("cp1252"))
    put("layouts", "tab", b"1\tAna\n2\tBo\n")
    put("layouts", "fixed", b"0001Ana     2024\n0002Bo      2025\n")
    put("layouts", "json", gzip.compress(b'{"ID":"1","NAME":"Ana","YEAR":2024}\n', mtime=0))
    put("layouts", "utf16", plain.decode().encode("utf-16"))
    put("layouts", "zstd", pyarrow.compress(plain, codec="zstd", asbytes=True))
    put("layouts", "zip", archive([("a.csv", plain), ("b.csv", plain)]))
    put("layouts", "workbook", workbook("<sheetData/>"))
    put("layouts", "unknown", b"NO|SUCH|COLUMNS|AT_ALL\n1|2|3|4\n")
    put("layouts", "drift", b"ID,NAMES,YEAR\n1,Ana,2024\n")
    put("layouts", "groups", b",,Results,,\nID,NAME,Math,Reading,YEAR\n1,Ana,3,4,2024\n")
    table = pyarrow.table({"ID": ["1"], "NAME": ["Ana"], "YEAR": [2024]})
    into = io.BytesIO()
    pyarrow.parquet.write_table(table, into, compression="none")
    put("layouts", "parquet", into.getvalue())
    into = io.BytesIO()
    with pyarrow.ipc.new_file(into, table.schema) as opened:
        opened.write_table(table)
    put("layouts", "arrow", into.getvalue())


def contracts():
    for path in sorted((HERE / "contracts").glob("*.yaml")) + [ROOT / "fixtures/vendor/caaspp_entities.yaml"]:
        put("contracts", path.stem, 0, path.read_bytes())
    for path in sorted((ROOT / "tests/workspace").rglob("*.odcs.yaml")):
        put("contracts", path.name.replace(".", "_"), 0, path.read_bytes())
    for at, path in enumerate(sorted((ROOT / "fixtures/tables").rglob("*.yaml"))[:6]):
        put("contracts", f"tables_{at}", 1, path.read_bytes())
    put("contracts", "deep", 0, b"[" * 3000)
    put("contracts", "aliases", 0, b"a: &a [x]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (n + 1, n + 1, n, n) for n in range(97, 115)))


def quarantine():
    line = '{"source":"s","delivery":"d","line":7,"column":"C","rule":"type","reason":"r","record":"YQ=="}\n'
    put("quarantine", "line", line.encode())
    put("quarantine", "two", line.encode() * 2)
    put("quarantine", "not_base64", line.replace("YQ==", "*").encode())
    put("quarantine", "header", b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n")


def records():
    head = '{"certificate":1,"about":"%s","minimum":11,"level":"full","extent":0,"zeros":"hide","homogeneous":true}\n'
    body = '{"base":[1,2,3]}\n{"table":[0,1,2,-1]}\n{"move":[1,0,5]}\n{"step":[0,0,0,1,0,-1,2,0,0,1,0,3]}\n'
    put("records", "certificate", 0, (head % ("0" * 64) + body).encode())
    put("records", "certificate_control_characters", 0, (head % "a\0b" + body).encode())
    put("records", "certificate_escapes", 0, (head % '\\\\\\"\\u0001' + body).encode())
    entry = '{"seq":1,"previous":"%s","at":"2026-01-01T00:00:00Z","actor":"operator","event":%s}\n'
    event = '{"type":"comment","candidate":"c","text":"t"}'
    put("records", "entry", 1, (entry % ("0" * 64, event)).encode())
    put("records", "anchor", 1, b"1:" + b"a" * 64)


if __name__ == "__main__":
    for write in (text, packed, excel, columnar, layouts, contracts, quarantine, records):
        write()
