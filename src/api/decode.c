/*
 * Theory of operation: one pass over the text into memory reserved beforehand; nothing here can meet a text it does not
 * know what to make of.  Node's leniency is copied, not judged: clients have come to depend on it.
 */
#include "api/decode.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

static int base64_value(unsigned char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int decode_base64(struct view text, struct bytes *out)
{
        uint32_t bits = 0;
        unsigned n_bits = 0;
        int r = bytes_reserve(out, text.n / 4 * 3 + 3);

        if (r < 0)
                return r;
        for (size_t i = 0; i < text.n; i++) {
                int value = base64_value((unsigned char)text.p[i]);

                if (value < 0)
                        continue;
                bits = bits << 6 | (uint32_t)value;
                n_bits += 6;
                if (n_bits < 8)
                        continue;
                n_bits -= 8;
                out->p[out->n++] = (char)(bits >> n_bits);
        }
        out->p[out->n] = '\0';
        return 0;
}

static int hex_value(unsigned char c)
{
        return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

int decode_hex(struct view text, struct bytes *out)
{
        int r = bytes_reserve(out, text.n / 2);

        if (r < 0)
                return r;
        for (size_t i = 0; i + 1 < text.n; i += 2) {
                int high = hex_value((unsigned char)text.p[i]), low = hex_value((unsigned char)text.p[i + 1]);

                if (high < 0 || low < 0)
                        break;
                out->p[out->n++] = (char)(high << 4 | low);
        }
        out->p[out->n] = '\0';
        return 0;
}

/* The fewest digits that read back as @number, and its decimal exponent. */
static int shortest(double number, char digits[24])
{
        char text[40];
        char *e;

        for (int precision = 0; precision < 17; precision++) {
                snprintf(text, sizeof(text), "%.*e", precision, number);
                if (strtod(text, NULL) == number)
                        break;
        }
        e = strchr(text, 'e');
        *e = '\0';
        digits[0] = text[0];
        memmove(digits + 1, text[1] == '.' ? text + 2 : "", text[1] == '.' ? (size_t)(e - text - 1) : 1);
        return (int)strtol(e + 1, NULL, 10);
}

void decode_number_text(double number, char text[DECODE_NUMBER_MAX])
{
        const char *sign = number < 0 ? "-" : "";
        char digits[24];
        int exponent, n;

        if (number == 0) {
                snprintf(text, DECODE_NUMBER_MAX, "0");
                return;
        }
        exponent = shortest(fabs(number), digits);
        n = (int)strlen(digits);
        if (exponent >= 21 || exponent < -6)
                snprintf(text, DECODE_NUMBER_MAX, "%s%c%s%se%+d", sign, digits[0], n > 1 ? "." : "",
                         digits + 1, exponent);
        else if (exponent < 0)
                snprintf(text, DECODE_NUMBER_MAX, "%s0.%.*s%s", sign, -exponent - 1, "000000", digits);
        else if (exponent >= n - 1)
                snprintf(text, DECODE_NUMBER_MAX, "%s%s%.*s", sign, digits, exponent - n + 1,
                         "00000000000000000000");
        else
                snprintf(text, DECODE_NUMBER_MAX, "%s%.*s.%s", sign, exponent + 1, digits,
                         digits + exponent + 1);
}

bool decode_is_base64(struct view text)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t n = text.n;

        while (n > 0 && text.n - n < 2 && text.p[n - 1] == '=')
                n--;
        for (size_t i = 0; i < n; i++)
                if (text.p[i] == '\0' || !strchr(letters, text.p[i]))
                        return false;
        return text.n % 4 == 0 && n % 4 != 1;
}
