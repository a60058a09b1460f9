"""manage.py populate FILE | verdicts FILE [name] | state, besides Django's own commands.

populate  makes users of every kind with tokens of every kind, and writes down what clients know:
          names with passwords, right and wrong, and tokens, live and dead
verdicts  asks this Django about each of those, changes nothing, and prints who each one is, by number
          or by name
state     prints what this Django knows of each user
"""
import os
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"


def main():
    own = {"populate", "verdicts", "state"}
    verb, *arguments = sys.argv[1:]
    if verb not in own:
        from django.core.management import execute_from_command_line
        return execute_from_command_line(sys.argv)
    import django
    django.setup()
    import population
    import reference
    verbs = {"populate": population.populate, "verdicts": reference.verdicts, "state": reference.state}
    return verbs[verb](*arguments)


main()
