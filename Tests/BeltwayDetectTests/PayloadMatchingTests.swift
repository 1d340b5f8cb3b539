// SPDX-License-Identifier: Apache-2.0
import BeltwayDetect
import Testing

@Suite struct `A content` {
    @Test func `matches where its bytes are, and only with their case`() {
        #expect(matches("content:\"abc\"", "xxabcxx"))
        #expect(!matches("content:\"abc\"", "xxABCxx"))
        #expect(matches("content:\"aBc\"; nocase", "xxAbCxx"))
        #expect(!matches("content:\"abc\"", "xxab"))
    }

    @Test func `may be negated`() {
        #expect(!matches("content:!\"abc\"", "xxabcxx"))
        #expect(matches("content:!\"abc\"", "xxab"))
        #expect(matches("content:\"xx\"; content:!\"abc\"", "xxab"))
    }

    @Test func `may be given in hex, with escapes`() {
        #expect(matches("content:\"a|3a 20|b\\;\\\"\\\\\"", "a: b;\"\\"))
    }

    @Test func `lies inside offset and depth`() {
        #expect(matches("content:\"abc\"; offset:2", "xxabc"))
        #expect(!matches("content:\"abc\"; offset:3", "xxabc"))
        #expect(matches("content:\"abc\"; depth:5", "xxabc"))
        #expect(!matches("content:\"abc\"; depth:4", "xxabc"))
        #expect(matches("content:\"abc\"; offset:2; depth:3", "xxabc"))
        #expect(!matches("content:\"abc\"; offset:1; depth:3", "xxabc"))
        #expect(matches("content:!\"abc\"; depth:4", "xxabc"))
    }

    @Test func `may start or end the payload`() {
        #expect(matches("content:\"abc\"; startswith", "abcd"))
        #expect(!matches("content:\"abc\"; startswith", "xabc"))
        #expect(matches("content:\"abc\"; endswith", "abcabc"))
        #expect(!matches("content:\"abc\"; endswith", "abcx"))
        #expect(matches("content:!\"abc\"; endswith", "abcx"))
        #expect(!matches("content:!\"abc\"; endswith", "abcxabc"))
        #expect(matches("content:\"abc\"; depth:6; endswith", "xxxabc"))
        #expect(!matches("content:\"abc\"; depth:6; endswith", "xxxxabc"))
    }

    @Test func `counts distance and within from the end of the match before`() {
        #expect(matches("content:\"ab\"; content:\"cd\"; distance:2", "abxxcd"))
        #expect(!matches("content:\"ab\"; content:\"cd\"; distance:3", "abxxcd"))
        #expect(matches("content:\"ab\"; content:\"cd\"; within:4", "abxxcd"))
        #expect(!matches("content:\"ab\"; content:\"cd\"; within:3", "abxxcd"))
        #expect(matches("content:\"ab\"; content:\"cd\"; distance:2; within:2", "abxxcd"))
        #expect(!matches("content:\"ab\"; content:\"cd\"; distance:1; within:2", "abxxcd"))
        #expect(matches("content:\"cd\"; content:\"ab\"; distance:-6", "abxxcd"))
        #expect(!matches("content:\"cd\"; content:\"ab\"; distance:-3", "abxxcd"))
        #expect(matches("content:\"ab\"; content:!\"cd\"; within:3", "abxxcd"))
        #expect(!matches("content:\"ab\"; content:!\"cd\"; within:4", "abxxcd"))
    }

    @Test func `is tried at its next place when a relative one after it fails`() {
        #expect(matches("content:\"ab\"; content:\"cd\"; within:2", "abxcd abcd"))
        #expect(matches("content:\"a\"; content:\"b\"; within:2; content:\"c\"; within:2", "ab_ab_axbxcaxbc"))
        #expect(
            !matches("content:\"a\"; content:\"b\"; within:1; content:\"c\"; within:1", "ab_ab_axbxcaxbc")
        )
        #expect(matches("content:\"a\"; content:!\"b\"; within:1", "abac"))
        #expect(matches("content:\"a\"; isdataat:!1,relative", "aba"))
    }
}

@Suite struct `A regular expression` {
    @Test func `matches with its flags`() {
        #expect(matches("pcre:\"/a.c/\"", "xabcx"))
        #expect(!matches("pcre:\"/a.c/\"", "xABCx"))
        #expect(matches("pcre:\"/a.c/i\"", "xABCx"))
        #expect(!matches("pcre:\"/a.c/\"", "a\nc"))
        #expect(matches("pcre:\"/a.c/s\"", "a\nc"))
        #expect(matches("pcre:\"/^c/m\"", "ab\ncd"))
        #expect(!matches("pcre:\"/^c/\"", "ab\ncd"))
        #expect(!matches("pcre:\"/b/A\"", "ab"))
        #expect(matches("pcre:\"/a b # c/x\"", "ab"))
        #expect(matches("pcre:\"/ab$/\"", "ab\n"))
        #expect(!matches("pcre:\"/ab$/E\"", "ab\n"))
        #expect(!matches("pcre:!\"/a.c/\"", "xabcx"))
        #expect(matches("pcre:\"m|a/c|\"", "xa/cx"))
    }

    @Test func `with R begins where the last match ended, and is tried again`() {
        #expect(matches("content:\"ab\"; pcre:\"/^cd/R\"", "abxabcd"))
        #expect(!matches("content:\"ab\"; pcre:\"/^cd/R\"", "cdabx"))
        #expect(matches("pcre:\"/a\\d/\"; content:\"z\"; within:1", "a1x a2z"))
    }
}

@Suite struct `isdataat` {
    @Test func `asks for a byte at or after a place`() {
        #expect(matches("isdataat:2", "abc"))
        #expect(!matches("isdataat:3", "abc"))
        #expect(matches("isdataat:!3", "abc"))
        #expect(matches("content:\"a\"; isdataat:2,relative", "abc"))
        #expect(!matches("content:\"a\"; isdataat:3,relative", "abc"))
        #expect(matches("content:\"c\"; isdataat:!1,relative", "abc"))
    }
}

@Suite struct `dsize` {
    @Test(arguments: [
        ("3", true), ("2", false), ("!3", false), ("!2", true), ("<4", true), ("<3", false), ("<=3", true),
        (">2", true), (">3", false), (">=3", true), ("2<>4", true), ("3<>5", false), ("1<>3", false),
    ])
    func `compares the length of the payload`(value: String, expected: Bool) {
        #expect(matches("dsize:\(value)", "abc") == expected)
    }
}
